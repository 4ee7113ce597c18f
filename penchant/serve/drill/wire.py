"""A wire between two programs that can be slow, and cut: what ends this process ends all connections through it.

Run: python -m penchant.serve.drill.wire FOLDER PORT TARGET

Whatever comes to ``PORT`` of loopback goes on to ``TARGET``, and back, each piece after the delay that a switch in ``FOLDER`` says.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import closing, suppress
from pathlib import Path

from penchant.serve.drill.switches import DELAY, Switches

_PIECE = 1 << 16  # bytes


async def listen(switches: Switches, port: int, target: int) -> None:
    """Carry connections until the task is cancelled."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(OSError):
            while piece := await reader.read(_PIECE):
                await asyncio.sleep(switches.value(DELAY))
                writer.write(piece)
                await writer.drain()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_target, to_target = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, to_target), carry(from_target, writer))

    async with await asyncio.start_server(connected, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(listen(Switches(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])))
