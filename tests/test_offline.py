"""The tests themselves reach nothing but loopback."""

from __future__ import annotations

import socket

import pytest


def test_connecting_elsewhere_is_blocked() -> None:
    # 192.0.2.0/24 is set aside for documentation (RFC 5737). pytest-socket warns first, and warnings are errors.
    with socket.socket() as probe, pytest.raises((UserWarning, RuntimeError), match=r"192\.0\.2\.1"):
        probe.connect(("192.0.2.1", 80))
