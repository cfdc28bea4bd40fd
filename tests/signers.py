"""Keys that sign image data, and certificates of them."""

import base64
import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa

HASHES: dict[str, Any] = {
    'SHA-224': hashes.SHA224(),
    'SHA-256': hashes.SHA256(),
    'SHA-384': hashes.SHA384(),
    'SHA-512': hashes.SHA512(),
}
DAY = datetime.timedelta(days=1)
_NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'signer')])


def new_key(key_type: str) -> Any:
    """A key of a type as ``img_signature_key_type`` names it."""
    if key_type == 'RSA-PSS':
        return rsa.generate_private_key(65537, 2048)
    if key_type == 'DSA':
        return dsa.generate_private_key(1024)
    curve = getattr(ec, key_type.removeprefix('ECC_'))
    return ec.generate_private_key(curve())


class Signer:
    """A key with its certificate."""

    def __init__(self, key_type: str) -> None:
        self.key_type = key_type
        self._key = new_key(key_type)

    def certificate(self, begins: int = -1, ends: int = 1) -> bytes:
        """In DER; valid from and to so many days from now."""
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder(_NAME, _NAME, self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins * DAY)
            .not_valid_after(now + ends * DAY)
            .sign(self._key, hashes.SHA256())
            .public_bytes(serialization.Encoding.DER)
        )

    def sign(self, data: bytes, method: str = 'SHA-256') -> str:
        algorithm = HASHES[method]
        if self.key_type == 'RSA-PSS':
            padded = padding.PSS(
                padding.MGF1(algorithm), padding.PSS.MAX_LENGTH
            )
            signature = self._key.sign(data, padded, algorithm)
        elif self.key_type == 'DSA':
            signature = self._key.sign(data, algorithm)
        else:
            signature = self._key.sign(data, ec.ECDSA(algorithm))
        return base64.b64encode(signature).decode()

    def properties(
        self, data: bytes, certificate_id: str, method: str = 'SHA-256'
    ) -> dict[str, str]:
        """What a signed image carries."""
        return {
            'img_signature': self.sign(data, method),
            'img_signature_hash_method': method,
            'img_signature_key_type': self.key_type,
            'img_signature_certificate_uuid': certificate_id,
        }
