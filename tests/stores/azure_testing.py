"""Azurite, Microsoft's emulator of Azure Storage, for tests. Fetched once into a cache (tests/get-azurite)."""
import fcntl
import os
import shutil
import subprocess
import unittest

from web_testing import HERE, Server, cache_folder

VERSION = "3.34.0"
ACCOUNT = "devstoreaccount1"
# The same in every emulator, and public.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def program():
    """azurite-blob: of the folder that CAIRN_AZURITE names, else of the cache. Skips the test where it cannot be had."""
    named = os.environ.get("CAIRN_AZURITE")
    prefix = named or os.path.join(cache_folder(), f"azurite-{VERSION}")
    found = os.path.join(prefix, "node_modules/.bin/azurite-blob")
    if not shutil.which("node"):
        raise unittest.SkipTest("Azurite needs node, which is not installed")
    if named and not os.path.exists(found):
        raise unittest.SkipTest(f"CAIRN_AZURITE is {named}, which has no node_modules/.bin/azurite-blob")
    if os.path.exists(found):
        return found
    os.makedirs(cache_folder(), exist_ok=True)
    with open(prefix + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run beside each other
        try:
            done = subprocess.run([os.path.join(HERE, "..", "get-azurite"), VERSION, prefix], capture_output=True,
                                  timeout=600, check=False)
        except subprocess.TimeoutExpired:
            raise unittest.SkipTest("Azurite is not there, and fetching it took too long") from None
    if done.returncode != 0:
        raise unittest.SkipTest(f"Azurite is not there, and cannot be fetched: {done.stderr.decode().strip()[-500:]}")
    return found


class Azurite(Server):
    """In memory. `address(container)` is what cairn takes."""

    def __init__(self):
        self._program = program()
        super().__init__("azurite")

    def command(self):
        return ["node", self._program, "--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--inMemoryPersistence",
                "--silent", "--disableTelemetry"]

    def address(self, container, prefix=""):
        return f"azure:http://127.0.0.1:{self.port}/{ACCOUNT}/{container}" + (f"/{prefix}" if prefix else "")
