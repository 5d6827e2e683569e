"""Quirks as data: each way in which a simulated switch differs from the specifications, off unless named.

Read from simulation files and from the kinds in config/simulator; asked by the datastore and both protocols. Does
nothing itself. The numbers are those of docs/quirks.md.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]


class Quirks(BaseModel):
    """Every quirk. Paths are data paths as text, with bare names and without keys for all entries of a list."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    # Defaults and values
    omits_defaults: bool = False
    """1. A leaf whose value equals the models' default is not shown, unless the switch has another default (2, 10)."""
    off_by_default: tuple[str, ...] = ()
    """2. These boolean leaves are false where nothing is configured although the models say true; shown as false."""
    wants_config_keys: bool = False
    """3. A new list entry is refused unless its config leaf for the key is written too."""
    unsupported: tuple[str, ...] = ()
    """4, 30. Leaves that the switch does not have: writing one is refused."""
    with_defaults: Literal["explicit", "trim", "report-all"] = "explicit"
    """5. NETCONF: the basic mode of with-defaults that is advertised and applied (RFC 6243)."""
    claims_explicit: bool = False
    """6. NETCONF: basic mode explicit is advertised, defaults are shown all the same."""
    adds_values: dict[str, str | int | bool] = Field(default_factory=dict)
    """7. Leaf by path: after every write the switch configures it by itself in entries that do not have it."""
    loose_json: bool = False
    """8. gNMI: 64-bit numbers unquoted, identities and top-level names without their module."""
    rewrites_secrets: dict[str, Literal["same", "anew"]] = Field(default_factory=dict)
    """9. Secret leaf by path: shown hashed; `anew`: with another salt at every read."""
    own_defaults: dict[str, str | int | bool] = Field(default_factory=dict)
    """10. Leaf by path: the value an entry has when none is written or it is deleted; shown."""

    # Names and keys
    default_instance: str = ""
    """11. The only name for the default network instance; another one is refused."""
    static_protocol: str = ""
    """12. The only name for the protocol STATIC; another one is refused."""
    dotted_interface_refs: bool = False
    """13. The id of a subinterface in a network instance has to be NAME.INDEX."""
    # 14, a lower-cased interface name being another interface, is what the models say.
    phantom_interfaces: tuple[str, ...] = ()
    """15. Interfaces that are shown although nobody configured them, and that cannot be deleted."""
    module_names: bool = False
    """16. gNMI: path elements need their module as prefix where it changes, and the origin `openconfig` is not known;
    the origin is that of `origin`."""
    origin: str = ""
    """16. gNMI: the origin that requests have to carry; empty: none needed."""

    # Ordering and transactions
    lag_with_members: bool = False
    """17. A lag-type is dropped unless members name the aggregate when the update (or edit-config) that writes it is
    done."""
    instance_before_address: bool = False
    """18. Putting an interface into a network instance other than the default one takes away the addresses that it had
    before that update (or edit-config)."""
    feature_first: dict[str, str] = Field(default_factory=dict)
    """19. Subtree by feature leaf: when both change in one request, the subtree is shown but not in force until it is
    changed without the feature, or the switch starts anew."""
    replace_flaps: bool = False
    """20. gNMI: a replace deletes and adds: interfaces and sessions below it go down and up."""
    replace_needs_entry: bool = False
    """21. gNMI: a replace of a list entry that does not exist fails; an update works."""
    unknown_after_set: Count | None = None
    """22. gNMI: every so manieth Set is answered UNKNOWN although it was carried out."""
    applies_after: float = 0.0
    """23. Seconds until an accepted change shows in the running configuration."""
    cli_values: dict[str, str | int | bool] = Field(default_factory=dict)
    """24. Leaf by path: the value set at the command line, which wins: what is written there is accepted, shown, and
    not in force."""
    partial_failure: bool = False
    """25. gNMI: a Set that fails has carried out what stands before its first mistake."""

    # System entries, silent drops
    keeps_ports: bool = False
    """26. Deleting the interface of a physical port is refused."""
    acl_priority: bool = False
    """27. An ACL entry keeps no description, and every ACL shows a last entry of its own (sequence-id 65535) that
    drops."""
    never_programs: tuple[str, ...] = ()
    """28. Subtrees that are accepted and shown, and never in force."""
    explicit_membership: bool = False
    """29. An interface that is in no network instance is not in force: its addresses and sessions stay down."""

    # Reads
    no_root_get: bool = False
    """31. gNMI: a Get of the root is refused."""
    late_counters: float = 0.0
    """32. gNMI: counters are there only as a container, and as old as so many seconds."""
    missing_counter: str = ""
    """33. gNMI: this counter is not there, and a Get of type ALL or STATE that covers it fails as a whole."""
    no_delete_notifications: bool = False
    """34. gNMI: a subscription tells nothing of deletions."""
    silent_stream: bool = False
    """35. gNMI: a STREAM is accepted and synced, and then tells nothing."""
    wants_prefix: bool = False
    """36. gNMI: a request without a prefix is refused."""
    shuffles_lists: bool = False
    """37. Entries of lists that the system orders come in another order at every read."""

    # Limits, locks, sessions
    message_bytes: Count | None = None
    """38. Largest message, either way; a larger answer is RESOURCE_EXHAUSTED (gNMI) or too-big (NETCONF)."""
    calls: Count | None = None
    """39. gNMI: calls at the same time; one more is RESOURCE_EXHAUSTED."""
    sessions: Count | None = None
    """40. NETCONF: sessions at the same time."""
    silent_when_full: bool = False
    """40. NETCONF: a session too many gets no answer instead of a refusal."""
    stuck_lock: Count | None = None
    """41. NETCONF: the lock of running is denied so many times in a row, without a message, then given."""
    own_confirmed_commit: bool = False
    """42. NETCONF: the standard confirmed commit is rolled back at once; the operation commit-configuration with
    `confirmed` and `confirm-timeout` (namespace urn:fabricd:simulator) works."""
    error_before_hello: bool = False
    """43. NETCONF: an rpc-error comes before the hello."""
    delete_missing: Literal["error", "warning"] = "error"
    """44. NETCONF: deleting what is not there."""
    no_replace: bool = False
    """45. NETCONF: edit-config does not know the operation replace."""
