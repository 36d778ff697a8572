"""A certificate authority of a test's own, made with the openssl command."""
import subprocess
from pathlib import Path


class Authority:
    def __init__(self, directory, name="Test Authority"):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.openssl(
            "req", "-x509", *self.KEY, "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", f"/CN={name}", "-days", "2")
        self.certificate = self.directory / "ca.pem"

    KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]

    def openssl(self, *arguments):
        result = subprocess.run(
            ["openssl", *arguments], cwd=self.directory, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr

    def leaf(self, name, names="DNS:localhost,IP:127.0.0.1", days=2, subject=None):
        """Certificate and key of `name`; with days below 0 the certificate has ended."""
        self.openssl(
            "req", "-new", *self.KEY, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
            "-subj", subject or f"/CN={name}")
        (self.directory / f"{name}.ext").write_text(
            f"subjectAltName={names}\nbasicConstraints=critical,CA:FALSE\n")
        self.openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-days", str(days), "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        return self.directory / f"{name}.pem", self.directory / f"{name}.key"

    def store(self, name, **options):
        """Key and certificate in one PEM file, as ssl.keystore.location wants them."""
        certificate, key = self.leaf(name, **options)
        path = self.directory / f"{name}-store.pem"
        path.write_text(key.read_text() + certificate.read_text())
        return path
