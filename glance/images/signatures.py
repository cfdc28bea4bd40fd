"""Signatures of image data.

The properties have the meaning that the library ``cursive`` defines, as in
Nova and Cinder, which verify the data again after a download. The signature
is of the data itself, not of its MD5 (CVE-2015-8234).
"""

from collections.abc import Mapping
from typing import Any

from glance.common import context
from glance.common import errors
from glance.images import key_manager

SIGNATURE = 'img_signature'
HASH_METHOD = 'img_signature_hash_method'
KEY_TYPE = 'img_signature_key_type'
CERTIFICATE = 'img_signature_certificate_uuid'
#: An image that has all four properties is signed.
PROPERTIES = frozenset((SIGNATURE, HASH_METHOD, KEY_TYPE, CERTIFICATE))


def verifier(
    context: context.RequestContext,
    properties: Mapping[str, str | None],
    keys: key_manager.Keys,
) -> 'Verifier':
    """Return a verifier for the data of an image with these properties.

    :raises errors.BadRequest: the properties or the certificate are invalid
    """
    # The import, with cryptography, takes 30 ms; most images are unsigned.
    from cursive import exception
    from cursive import signature_utils

    values = {name: properties[name] or '' for name in PROPERTIES}
    try:
        signature = signature_utils.get_signature(values[SIGNATURE])
        method = signature_utils.get_hash_method(values[HASH_METHOD])
        key_type = signature_utils.SignatureKeyType.lookup(values[KEY_TYPE])
    except exception.SignatureVerificationError as error:
        raise errors.BadRequest(str(error)) from error
    public_key = _public_key(keys.certificate(context, values[CERTIFICATE]))
    if not isinstance(public_key, key_type.public_key_type):
        raise errors.BadRequest(
            f'The key of the certificate is not of type {key_type.name}.'
        )
    verifying = key_type.create_verifier(signature, method, public_key)
    if verifying is None:
        raise errors.BadRequest(f'{SIGNATURE} must not be empty.')
    return Verifier(verifying)


def _public_key(data: bytes) -> Any:
    """Return the public key of a certificate that is valid now.

    :raises errors.BadRequest: it is not valid now, or not a certificate
    """
    from cryptography import exceptions
    from cryptography import x509
    from cursive import certificate_utils

    try:
        certificate = x509.load_der_x509_certificate(data)
        public_key = certificate.public_key()
    except (ValueError, exceptions.UnsupportedAlgorithm) as error:
        raise errors.BadRequest(
            'The certificate of the signature cannot be read.'
        ) from error
    if not certificate_utils.is_within_valid_dates(certificate):
        raise errors.BadRequest(
            'The certificate of the signature has expired or is not yet valid.'
        )
    return public_key


class Verifier:
    """Receives the data in pieces, then verifies its signature.

    :param verifying: a verifier of cursive
    """

    def __init__(self, verifying: Any) -> None:
        self._verifying = verifying
        self.update = verifying.update

    def verify(self) -> None:
        """:raises errors.BadRequest: the signature does not match the data"""
        from cryptography import exceptions

        try:
            self._verifying.verify()
        except (
            exceptions.InvalidSignature,
            exceptions.UnsupportedAlgorithm,
            ValueError,
        ) as error:
            raise errors.BadRequest(
                'The signature does not match the data.'
            ) from error
