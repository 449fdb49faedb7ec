"""Signs, encrypts and derives keys, issues a certificate, and agrees with the interpreter's own OpenSSL on it."""

import hashlib
import ssl
import tempfile

from certificate import issue
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

TEXT = "é".encode()

fernet = Fernet(Fernet.generate_key())
assert fernet.decrypt(fernet.encrypt(TEXT)) == TEXT
for cipher in (AESGCM(bytes(32)), ChaCha20Poly1305(bytes(32))):
    assert cipher.decrypt(bytes(12), cipher.encrypt(bytes(12), TEXT, None), None) == TEXT
key = rsa.generate_private_key(65537, 2048)
key.public_key().verify(key.sign(TEXT, padding.PKCS1v15(), hashes.SHA256()), TEXT, padding.PKCS1v15(), hashes.SHA256())
ours, theirs = x25519.X25519PrivateKey.generate(), x25519.X25519PrivateKey.generate()
assert ours.exchange(theirs.public_key()) == theirs.exchange(ours.public_key())
assert Scrypt(b"salt", 32, 2**10, 8, 1).derive(TEXT) == hashlib.scrypt(TEXT, salt=b"salt", n=2**10, r=8, p=1, dklen=32)

_, pem = issue("wheels")
certificate = x509.load_pem_x509_certificate(pem)
with tempfile.NamedTemporaryFile() as file:
    file.write(pem)
    file.flush()
    context = ssl.create_default_context(cafile=file.name)
assert int(context.get_ca_certs()[0]["serialNumber"], 16) == certificate.serial_number
assert ssl.PEM_cert_to_DER_cert(pem.decode()) == certificate.public_bytes(serialization.Encoding.DER)
print(f"{backend.openssl_version_text()} in the wheel, {ssl.OPENSSL_VERSION} in the interpreter")
