"""Functions of networks."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network

from butai.terraform.evaluation.limits import BeyondLimits
from butai.terraform.evaluation.signatures import Function, Parameter, whole
from butai.terraform.evaluation.types import NUMBER, STRING, list_type
from butai.terraform.evaluation.values import Refused, Value, list_of, string

_Network = IPv4Network | IPv6Network
_LEADING_ZERO = re.compile(r"(?:^|[./])0[0-9]")
_MAPPED = re.compile(r"^::ffff:", re.IGNORECASE)


def _network(prefix: Value) -> _Network:
    text = prefix.raw
    if _LEADING_ZERO.search(text):
        # Older versions of the engine take such addresses in their own way.
        raise BeyondLimits
    if not re.fullmatch(r"[0-9a-fA-F.:]+/[0-9]+", text):
        raise Refused
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        raise Refused from None
    if _MAPPED.match(str(found)):
        raise BeyondLimits
    return found


def _address(network: _Network, place: int) -> str:
    found = str(network.network_address + place)
    if _MAPPED.match(found):
        raise BeyondLimits
    return found


def _cidrhost(prefix: Value, host: Value) -> Value:
    network, place = _network(prefix), whole(host)
    place += network.num_addresses if place < 0 else 0
    if not 0 <= place < network.num_addresses:
        raise Refused
    return string(_address(network, place))


def _cidrnetmask(prefix: Value) -> Value:
    network = _network(prefix)
    if network.version != 4:
        raise Refused
    return string(str(network.netmask))


def _cidrsubnet(prefix: Value, bits: Value, number: Value) -> Value:
    network, new, place = _network(prefix), whole(bits), whole(number)
    if new < 0 or place < 0:
        raise BeyondLimits
    length = network.prefixlen + new
    if length > network.max_prefixlen or place >= 1 << new:
        raise Refused
    return string(f"{_address(network, place << (network.max_prefixlen - length))}/{length}")


def _cidrsubnets(prefix: Value, *bits: Value) -> Value:
    network = _network(prefix)
    if int(network.network_address) == 0:
        raise BeyondLimits
    found: list[Value] = []
    place = 0
    for each in bits:
        length = network.prefixlen + whole(each)
        if not 1 <= whole(each) <= 32 or length > network.max_prefixlen:
            raise Refused
        size = 1 << (network.max_prefixlen - length)
        place = -(-place // size) * size
        if place + size > network.num_addresses:
            raise Refused
        found.append(string(f"{_address(network, place)}/{length}"))
        place += size
    return list_of(found, STRING)


_TEXT, _NUMBER = Parameter(STRING), Parameter(NUMBER)

FUNCTIONS = {
    "cidrhost": Function(_cidrhost, (_TEXT, _NUMBER), result=STRING),
    "cidrnetmask": Function(_cidrnetmask, (_TEXT,), result=STRING),
    "cidrsubnet": Function(_cidrsubnet, (_TEXT, _NUMBER, _NUMBER), result=STRING),
    "cidrsubnets": Function(_cidrsubnets, (_TEXT,), _NUMBER, list_type(STRING)),
}
