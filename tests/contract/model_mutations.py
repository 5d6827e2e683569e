"""Wrong statements in yang/openconfig, one of each kind, and the difference that each has to show up as.

For test_models_match_release.py.
"""

from __future__ import annotations

from managed_models import Mutation

INTERFACE = "/openconfig-interfaces:interfaces/interface"
SUBINTERFACE = f"{INTERFACE}/subinterfaces/subinterface"
INSTANCE = "/openconfig-network-instance:network-instances/network-instance"
BGP = f"{INSTANCE}/protocols/protocol/bgp"
NEIGHBOR = f"{BGP}/neighbors/neighbor"
BGP_ACTIONS = (
    "/openconfig-routing-policy:routing-policy/policy-definitions/policy-definition/statements/statement"
    "/actions/openconfig-bgp-policy:bgp-actions"
)

MUTATIONS = (
    Mutation(
        "built-in type",
        "openconfig-interfaces",
        "leaf mtu {\n      type uint16;",
        "leaf mtu {\n      type uint32;",
        f"{INTERFACE}/config/mtu",
        "type",
    ),
    Mutation(
        "range",
        "openconfig-if-ip",
        'range "0..128"',
        'range "0..127"',
        f"{SUBINTERFACE}/openconfig-if-ip:ipv6/addresses/address/config/prefix-length",
        "type",
    ),
    Mutation(
        "range behind a typedef of another module",
        "openconfig-vlan-types",
        'range "1..4094"',
        'range "1..4095"',
        f"{INSTANCE}/vlans/vlan/config/vlan-id",
        "type",
    ),
    Mutation(
        "pattern behind a typedef of another module",
        "openconfig-yang-types",
        "'[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}'",
        "'[0-9a-f]{2}(:[0-9a-f]{2}){5}'",
        f"{INTERFACE}/openconfig-if-ethernet:ethernet/config/mac-address",
        "type",
    ),
    Mutation(
        "length",
        "openconfig-lldp",
        'leaf system-name {\n      type string {\n        length "0..255"',
        'leaf system-name {\n      type string {\n        length "0..254"',
        "/openconfig-lldp:lldp/config/system-name",
        "type",
    ),
    Mutation(
        "name of an enum",
        "openconfig-bgp",
        "enum OPENSENT {",
        "enum OPEN_SENT {",
        f"{NEIGHBOR}/state/session-state",
        "type",
    ),
    Mutation(
        "number of an enum",
        "openconfig-interfaces",
        "enum LOWER_LAYER_DOWN {\n          value 7;",
        "enum LOWER_LAYER_DOWN {\n          value 8;",
        f"{INTERFACE}/state/oper-status",
        "type",
    ),
    Mutation(
        "base of an identityref",
        "openconfig-if-ethernet",
        "leaf port-speed {\n      type identityref {\n        base ETHERNET_SPEED;",
        "leaf port-speed {\n      type identityref {\n        base INTERFACE_FEC;",
        f"{INTERFACE}/openconfig-if-ethernet:ethernet/config/port-speed",
        "type",
    ),
    Mutation(
        "path of a leafref",
        "openconfig-bgp",
        "/peer-groups/peer-group/peer-group-name",
        "/peer-groups/peer-group/config/peer-group-name",
        f"{NEIGHBOR}/config/peer-group",
        "type",
    ),
    Mutation(
        "order of union members",
        "openconfig-local-routing",
        "type inet:ip-address;\n        type local-defined-next-hop;",
        "type local-defined-next-hop;\n        type inet:ip-address;",
        f"{INSTANCE}/protocols/protocol/static-routes/static/next-hops/next-hop/config/next-hop",
        "type",
    ),
    Mutation(
        "order of keys",
        "openconfig-network-instance",
        'key "identifier name"',
        'key "name identifier"',
        f"{INSTANCE}/protocols/protocol",
        "key",
    ),
    Mutation(
        "default",
        "openconfig-system",
        "default 123;",
        "default 124;",
        "/openconfig-system:system/ntp/servers/server/config/port",
        "default",
    ),
    Mutation(
        "missing default",
        "openconfig-vlan",
        "default ACTIVE;",
        "",
        f"{INSTANCE}/vlans/vlan/config/status",
        "default",
    ),
    Mutation(
        "units",
        "openconfig-lldp",
        "leaf hello-timer {\n      type uint64;\n      units seconds;",
        "leaf hello-timer {\n      type uint64;\n      units milliseconds;",
        "/openconfig-lldp:lldp/config/hello-timer",
        "units",
    ),
    Mutation(
        "configuration instead of state",
        "openconfig-lldp",
        "container neighbors {\n          config false;",
        "container neighbors {",
        "/openconfig-lldp:lldp/interfaces/interface/neighbors",
        "config",
    ),
    Mutation(
        "missing mandatory",
        "openconfig-bgp",
        "leaf as {\n      type oc-inet:as-number;\n      mandatory true;",
        "leaf as {\n      type oc-inet:as-number;",
        f"{BGP}/global/config/as",
        "mandatory",
    ),
    Mutation(
        "must that is not there",
        "openconfig-interfaces",
        "leaf loopback-mode {",
        "leaf loopback-mode {\n      must \"../enabled = 'true'\";",
        f"{INTERFACE}/config/loopback-mode",
        "must",
    ),
    Mutation(
        "another must",
        "openconfig-bgp-policy",
        "(not(set-aigp) or set-aigp-action)",
        "(not(set-aigp) or set-aigp-action = 'SET')",
        f"{BGP_ACTIONS}/config",
        "must",
    ),
    Mutation(
        "must that is gone",
        "openconfig-bgp-policy",
        "must \"(set-med != 'IGP' and set-med-action) or(set-med = 'IGP' and set-med-action = 'SET')\" {",
        'must "true()" {',
        f"{BGP_ACTIONS}/config",
        "must",
    ),
    Mutation(
        "target of a leafref",
        "openconfig-acl",
        "acl-sets/acl-set[name=current()/../set-name]/config/type",
        "acl-sets/acl-set/config/type",
        "/openconfig-acl:acl/interfaces/interface/ingress-acl-sets/ingress-acl-set/config/type",
        "type",
    ),
    Mutation(
        "order of statements left to the system",
        "openconfig-routing-policy",
        'list statement { key "name"; ordered-by user;',
        'list statement { key "name";',
        "/openconfig-routing-policy:routing-policy/policy-definitions/policy-definition/statements/statement",
        "ordered-by",
    ),
    Mutation(
        "another when",
        "openconfig-network-instance",
        "when \"./config/identifier = 'oc-pol-types:BGP'\"",
        "when \"./config/identifier = 'oc-pol-types:STATIC'\"",
        BGP,
        "when",
    ),
    Mutation(
        "missing when",
        "openconfig-vlan",
        "when \"../interface-mode = 'ACCESS'\";",
        "",
        f"{INTERFACE}/openconfig-if-ethernet:ethernet/openconfig-vlan:switched-vlan/config/access-vlan",
        "when",
    ),
    Mutation(
        "when at another node",
        "openconfig-if-ethernet",
        """when "oc-if:config/oc-if:type = 'ianaift:ethernetCsmacd'
        or oc-if:config/oc-if:type = 'ianaift:ieee8023adLag'";
        description "Ethernet part of an interface.";
        container ethernet {""",
        """description "Ethernet part of an interface.";
        container ethernet {
        when "oc-if:config/oc-if:type = 'ianaift:ethernetCsmacd' "
        + "or oc-if:config/oc-if:type = 'ianaift:ieee8023adLag'";""",
        f"{INTERFACE}/openconfig-if-ethernet:ethernet",
        "when",
    ),
    Mutation(
        "order of entries left to the system",
        "openconfig-system",
        'key "address";\n          ordered-by user;',
        'key "address";',
        "/openconfig-system:system/dns/servers/server",
        "ordered-by",
    ),
    Mutation(
        "fewest entries",
        "openconfig-system",
        "list host-entry {",
        "list host-entry {\n          min-elements 1;",
        "/openconfig-system:system/dns/host-entries/host-entry",
        "min-elements",
    ),
    Mutation(
        "most entries",
        "openconfig-system",
        "list ntp-key {",
        "list ntp-key {\n          max-elements 4;",
        "/openconfig-system:system/ntp/ntp-keys/ntp-key",
        "max-elements",
    ),
    Mutation(
        "unique",
        "openconfig-network-instance",
        'key "id";',
        'key "id"; unique "config/interface";',
        f"{INSTANCE}/interfaces/interface",
        "unique",
    ),
    Mutation(
        "presence",
        "openconfig-system",
        "container clock {",
        'container clock {\n      presence "a clock";',
        "/openconfig-system:system/clock",
        "presence",
    ),
    Mutation(
        "status",
        "openconfig-bgp",
        "leaf tcp-mss {",
        "leaf tcp-mss {\n      status deprecated;",
        f"{NEIGHBOR}/transport/config/tcp-mss",
        "status",
    ),
    Mutation(
        "kind of node",
        "openconfig-system",
        "leaf-list alias {",
        "leaf alias {",
        "/openconfig-system:system/dns/host-entries/host-entry/config/alias",
        "kind",
    ),
    Mutation(
        "node that the release does not have",
        "openconfig-interfaces",
        "leaf cpu {",
        "leaf gpu {",
        f"{INTERFACE}/state/gpu",
        "node",
    ),
    Mutation(
        "namespace",
        "openconfig-lldp",
        'namespace "http://openconfig.net/yang/lldp"',
        'namespace "http://openconfig.net/yang/lldp2"',
        "/openconfig-lldp:lldp",
        "namespace",
    ),
    Mutation(
        "prefix",
        "openconfig-lldp",
        "prefix oc-lldp;",
        "prefix oc-lldp2;",
        "module openconfig-lldp",
        "prefix",
    ),
    Mutation(
        "identity that the release does not have",
        "openconfig-policy-types",
        "identity PCEP {",
        "identity PCEP2 {",
        "identity openconfig-policy-types:PCEP2",
        "identity",
    ),
    Mutation(
        "base of an identity",
        "openconfig-if-ethernet",
        "identity SPEED_10GB {\n    base ETHERNET_SPEED;",
        "identity SPEED_10GB {\n    base INTERFACE_FEC;",
        "identity openconfig-if-ethernet:SPEED_10GB",
        "base",
    ),
    Mutation(
        "notification",
        "openconfig-lldp",
        "container lldp {",
        "notification neighbor-lost;\n  container lldp {",
        "/openconfig-lldp:neighbor-lost",
        "notification",
    ),
)
