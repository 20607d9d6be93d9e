#!/usr/bin/env python3
"""A wire that is as long as it is told: a TCP relay in a process of its own.

    relay.py PORT MILLISECONDS      prints the port it listens on; both on 127.0.0.1; ends with its standard input

What comes in is handed on so much later, each way, in order, however much is under way: a delay, no limit of speed.
"""
import asyncio
import contextlib
import sys

PART = 1 << 18


async def hand_on(reader, writer, delay):
    """A queue between the two, so that reading goes on while parts wait for their time."""
    loop, waiting = asyncio.get_running_loop(), asyncio.Queue(maxsize=4096)

    async def read():
        while part := await reader.read(PART):
            await waiting.put((loop.time() + delay, part))
        await waiting.put((loop.time() + delay, b""))

    async def write():
        while True:
            when, part = await waiting.get()
            await asyncio.sleep(when - loop.time())
            if not part:
                writer.write_eof()
                return
            writer.write(part)
            await writer.drain()

    with contextlib.suppress(OSError):
        await asyncio.gather(read(), write())


async def main(port, delay):
    async def serve(reader, writer):
        await asyncio.sleep(2 * delay)  # the connection's own way there and back
        with contextlib.suppress(OSError, asyncio.CancelledError):
            there, back = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(hand_on(reader, back, delay), hand_on(there, writer, delay))
            back.close()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=64)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) / 1000))
