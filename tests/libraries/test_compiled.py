"""Libraries with compiled code of their own: pydantic, numpy, cryptography."""

from tools.support.fake_api import Loop, event

PYDANTIC = """
from datetime import datetime
from pydantic import BaseModel, Field

class Item(BaseModel):
    name: str
    price: float = Field(gt=0)

class Order(BaseModel):
    when: datetime
    items: list[Item]

def handler(event, context):
    order = Order.model_validate(event)
    return order.model_dump(mode="json")
"""

NUMPY = """
import numpy as np

def handler(event, context):
    a = np.array(event, dtype=float)
    solution = np.linalg.solve(a, np.ones(len(a)))
    spectrum = np.fft.rfft(np.arange(8.0))
    return [solution.tolist(), float(abs(spectrum[0])), np.float64(0.5), np.random.default_rng(1).integers(9) < 9 and 1]
"""

CRYPTOGRAPHY = """
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
import hashlib, ssl

def handler(event, context):
    text = event.encode()
    fernet = Fernet(Fernet.generate_key())
    key = ec.generate_private_key(ec.SECP256R1())
    key.public_key().verify(key.sign(text, ec.ECDSA(hashes.SHA256())), text, ec.ECDSA(hashes.SHA256()))
    digest = hashes.Hash(hashes.SHA256())
    digest.update(text)
    return [
        fernet.decrypt(fernet.encrypt(text)).decode(),
        AESGCM(bytes(32)).decrypt(bytes(12), AESGCM(bytes(32)).encrypt(bytes(12), text, None), None).decode(),
        digest.finalize() == hashlib.sha256(text).digest(),
        len(ed25519.Ed25519PrivateKey.generate().sign(text)),
        ssl.OPENSSL_VERSION.startswith("OpenSSL"),
    ]
"""


def test_pydantic_validates_and_dumps(loop: Loop) -> None:
    order = {"when": "2024-01-02T03:04:05Z", "items": [{"name": "é", "price": 1.5}]}
    assert loop(PYDANTIC, event(order)).result == order


def test_a_pydantic_validation_error_names_the_field(loop: Loop) -> None:
    order = {"when": "2024-01-02T03:04:05Z", "items": [{"name": "é", "price": -1}]}
    error = loop(PYDANTIC, event(order)).error
    assert error["errorType"] == "ValidationError"
    assert "items.0.price" in error["errorMessage"]


def test_numpy_computes(loop: Loop) -> None:
    assert loop(NUMPY, event([[2, 0], [0, 4]])).result == [[0.5, 0.25], 28.0, 0.5, 1]


def test_returning_a_numpy_array_is_an_error_that_names_it(loop: Loop) -> None:
    error = loop("import numpy\ndef handler(event, context): return {'a': numpy.zeros(2)}").error
    assert error["errorType"] == "Runtime.MarshalError"
    assert "ndarray" in error["errorMessage"]
    assert "$.a" in error["errorMessage"]


def test_cryptography_and_the_interpreters_own_openssl_work_side_by_side(loop: Loop) -> None:
    assert loop(CRYPTOGRAPHY, event("é")).result == ["é", "é", True, 64, True]
