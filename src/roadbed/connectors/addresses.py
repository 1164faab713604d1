"""Addresses: which IP addresses a connector may reach. Pure checks, no look-up."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from roadbed.kernel.stored_sentences import stored_sentence

Address = IPv4Address | IPv6Address

# Metadata services, which issue a machine's credentials: AWS, Azure, GCP, Alibaba and Oracle.
_METADATA = frozenset(
    ip_address(item)
    for item in (
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
    )
)
_THIS_HOST = ip_network("0.0.0.0/8")
_NAT64 = IPv6Network("64:ff9b::/96")
_OWN_NAT64 = IPv6Network("64:ff9b:1::/48")  # the position of the embedded address is not fixed


def objection(text: str, *, private: bool) -> str | None:
    """Why the address may not be reached, ``None`` if it may.

    Addresses hidden inside another (mapped, 6to4, NAT64, Teredo) are judged as well. ``private``
    allows private networks, never the metadata address of a cloud.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return stored_sentence("it is no IP address")
    for layer in _layers(address):
        if (problem := _objection(layer, private=private)) is not None:
            return problem
    return None


def _objection(address: Address, *, private: bool) -> str | None:
    if address in _METADATA:
        return stored_sentence("it is a cloud's metadata service")
    if address.is_unspecified or (address.version == 4 and address in _THIS_HOST):
        return stored_sentence("it is no host's address")
    if address.is_multicast:
        return stored_sentence("it is a multicast address")
    if address in _OWN_NAT64 or (address.is_reserved and not address.is_loopback):
        return stored_sentence("it is a reserved address")
    if private:
        return None
    # Carriers' shared addresses (100.64/10) are neither private nor global.
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    if address.is_private or not address.is_global or site_local:
        return stored_sentence("it is an address of a private network")
    return None


def _layers(address: Address) -> Iterator[Address]:
    """The address, unless it only stands for another, and those inside it."""
    if isinstance(address, IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    if address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
        return
    # Without its zone: the tables have no entry for fe80::1%eth0.
    yield IPv6Address(int(address))
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
