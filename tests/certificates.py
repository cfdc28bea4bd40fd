"""Certificates for daemons and their clients."""

import pathlib
import subprocess


def make(directory: pathlib.Path) -> None:
    """A certificate for the server, one for a client, by one authority."""
    run = ['openssl', 'req', '-newkey', 'ec', '-pkeyopt']
    run += ['ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    for name in ('ca', 'server', 'client', 'stranger'):
        made = [*run, '-x509', '-subj', f'/CN={name}']
        made += ['-keyout', f'{name}.key', '-out', f'{name}.crt']
        if name in ('server', 'client'):
            made += ['-CA', 'ca.crt', '-CAkey', 'ca.key']
            made += ['-addext', 'subjectAltName=DNS:localhost']
        subprocess.run(made, cwd=directory, check=True, capture_output=True)
