"""The ways in which a repository can be refused."""


class ReaderError(Exception):
    """Anything that keeps the reader from going on."""


class Corrupt(ReaderError):
    """Bytes that break the specification, or a hash, tag or id that differs."""


class Unsupported(ReaderError):
    """A version, feature bit, algorithm or critical tag that this program does not know."""


class Gone(Corrupt):
    """An object that is not there, or not any more."""


class Forged(Corrupt):
    """A signature that is wrong, a slot without a certificate or without the right, or an object in another's place."""


class WrongKey(ReaderError):
    """The password opens no key object, or the slot does not hold the key that is needed."""
