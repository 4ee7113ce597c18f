"""A language model for tests that loads in a moment: the form of a real one, weights of chance."""

from __future__ import annotations

from pathlib import Path

_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_TEXT = 'the quick brown fox jumps over the lazy dog while Western comedy and Western drama play in a film {"genre":"war"} 0123456789'


def make_tiny(folder: Path) -> Path:
    """A causal model of random weights as transformers save one: 2 layers, bytes and some pairs as tokens."""
    import torch  # seconds to import, and few tests need it
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([_TEXT] * 20, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", bos_token="<|im_start|>", pad_token="<|im_end|>")
    fast.chat_template = _TEMPLATE
    torch.manual_seed(0)
    network = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=512, eos_token_id=2, bos_token_id=1, pad_token_id=2,
        )
    )  # fmt: skip
    with torch.no_grad():
        for weights in network.parameters():
            weights.mul_(3)  # likelihoods that differ
    network.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder
