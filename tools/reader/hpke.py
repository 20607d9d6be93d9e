"""HPKE of RFC 9180, base mode, single shot, DHKEM(X25519, HKDF-SHA256) with HKDF-SHA256: section 5.3."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

import crypto
from errors import Corrupt, Unsupported

KEM_X25519 = 0x0020
KDF_SHA256 = 0x0001
AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305 = 1, 2, 3
AEADS = {AES_128_GCM: (AESGCM, 16), AES_256_GCM: (AESGCM, 32), CHACHA20_POLY1305: (ChaCha20Poly1305, 32)}


def _extract(suite, salt, label, ikm):
    return crypto.hmac(salt, b"HPKE-v1" + suite + label + ikm)


def _expand(suite, key, label, info, length):
    return crypto.expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def schedule(shared, info, aead):
    """Key and nonce of the first message."""
    suite = b"HPKE" + b"".join(n.to_bytes(2, "big") for n in (KEM_X25519, KDF_SHA256, aead))
    context = b"\0" + _extract(suite, b"", b"psk_id_hash", b"") + _extract(suite, b"", b"info_hash", info)
    secret = _extract(suite, shared, b"secret", b"")
    return (_expand(suite, secret, b"key", context, AEADS[aead][1]),
            _expand(suite, secret, b"base_nonce", context, 12))


def decapsulate(enc, secret, what):
    suite = b"KEM" + KEM_X25519.to_bytes(2, "big")
    key = _extract(suite, b"", b"eae_prk", crypto.x25519(secret, enc, what))
    return _expand(suite, key, b"shared_secret", enc + crypto.x25519_public(secret), 32)


def open_base(enc, ciphertext, secret, info, associated=b"", aead=AES_256_GCM, what="envelope"):
    key, nonce = schedule(decapsulate(enc, secret, what), info, aead)
    try:
        return AEADS[aead][0](key).decrypt(nonce, ciphertext, associated)
    except InvalidTag:
        raise Corrupt(f"{what}: authentication tag differs") from None


def read_envelope(cursor):
    """An envelope's (KEM, bytes); its KEM is judged when it is opened."""
    kem = cursor.u16()
    return kem, cursor.take(cursor.u16())


def open_envelope(envelope, secret, info, what):
    kem, data = envelope
    if kem != KEM_X25519:
        raise Unsupported(f"{what}: KEM 0x{kem:04x} is not known")
    if len(data) < 32 + crypto.TAG:
        raise Corrupt(f"{what}: envelope of {len(data)} bytes")
    return open_base(data[:32], data[32:], secret, info, what=what)
