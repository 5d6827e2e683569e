"""A daemon's northbound half for tests: real store, schemas, reconciler and gRPC server in one process.

Used by the northbound and command line tests. Its devices are real gNMI sessions to wherever the test says.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fabricd.client import Client, Tls
from fabricd.model.device import Device, Login, Profile, Protocol, SecretReference, Timeouts, Trust
from fabricd.northbound.models import ModelRooms
from fabricd.northbound.server import NorthboundServer
from fabricd.northbound.service import FabricdService
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.reconcile.controller import Controller
from fabricd.reconcile.explanations import Explanations
from fabricd.reconcile.live_plans import LivePlans
from fabricd.reconcile.model_check import ModelChecks
from fabricd.reconcile.model_fetch import ModelFetches
from fabricd.reconcile.model_sets import ModelSets
from fabricd.reconcile.observations import Observations
from fabricd.reconcile.probing import Probes
from fabricd.reconcile.submission import Submissions
from fabricd.schema import ModelSet, SchemaPool
from fabricd.schema.model_folder import ModelFolder
from fabricd.settings import NorthboundSettings, ReconcileSettings
from fabricd.simulator import Simulation, SimulationConfig, SwitchConfig
from fabricd.southbound import gnmi, netconf
from fabricd.southbound.probe import probe
from fabricd.southbound.sessions import Sessions
from fabricd.store import Store
from fabricd.telemetry import Metrics

COMMANDS = Path(sys.executable).parent
DEADLINE = 120.0  # seconds for anything to happen at all; never what is waited for
PATIENT = Timeouts(connect=60.0, read=120.0, write=120.0)  # with switches that do answer
NOBODY = 1  # a port of this host that nobody listens on, and that nobody is given


@dataclass(slots=True)
class Service:
    """What a test may look at behind the API's back."""

    socket: Path
    store: Store
    controller: Controller
    server: NorthboundServer
    observations: Observations

    @property
    def address(self) -> str:
        return f"unix:{self.socket}"

    def client(self, **options: Any) -> Client:
        return Client.connect(self.address, **options)

    def tls_client(self, tls: Tls | None, **options: Any) -> Client:
        return Client.connect(f"localhost:{self.server.tcp_port}", tls=tls, **options)


def unreachable(*names: str) -> dict[str, Device]:
    """Devices that are switched off."""
    profile = Profile("openconfig", timeouts=PATIENT)
    return {
        name: Device(name, "127.0.0.1", NOBODY, Protocol.GNMI, profile, trust=Trust(insecure=True)) for name in names
    }


@asynccontextmanager
async def serving(
    folder: Path,
    *,
    devices: Mapping[str, Device] | None = None,
    document_max_bytes: int = 1 << 20,
    running: bool = True,
    **northbound: Any,
) -> AsyncIterator[Service]:
    """The API on a unix socket in `folder` (and as `northbound` settings say) over the store in `folder`.

    `running` False leaves the reconciler standing still, so that the journal holds only what the test writes.
    """
    devices = devices if devices is not None else unreachable("leaf1", "leaf2")
    settings = NorthboundSettings(**{"unix_socket": folder / "fabricd.sock", **northbound})
    reconcile = ReconcileSettings(sweep_interval=3600, retry_max=3600, document_max_bytes=document_max_bytes)
    models = {"managed": ModelSet.managed()}
    async with AsyncExitStack() as stack:
        store = await Store.open(folder / "store.db")
        stack.push_async_callback(store.close)
        schemas = SchemaPool(1)
        stack.push_async_callback(schemas.close)
        sessions = Sessions(devices, {Protocol.GNMI: gnmi.connect, Protocol.NETCONF: netconf.connect})
        stack.push_async_callback(sessions.close)
        controller = Controller(
            store=store,
            sessions=sessions,
            schemas=schemas,
            devices=devices,
            models=models,
            settings=reconcile,
            metrics=Metrics(),
        )
        submissions = Submissions(
            store=store,
            schemas=schemas,
            fleet=controller.fleet,
            plans=LivePlans(controller.fleet, store, sessions, schemas),
            revised=controller.revised,
            document_max_bytes=reconcile.document_max_bytes,
        )
        if running:
            await controller.start()
            stack.push_async_callback(controller.stop, 1.0)
        explanations = Explanations(store=store, schemas=schemas, fleet=controller.fleet, submissions=submissions)
        sets = ModelSets(
            folder=ModelFolder(folder / "models"),
            store=store,
            schemas=schemas,
            fleet=controller.fleet,
            adopted=controller.use_models,
        )
        checks = ModelChecks(
            store=store, schemas=schemas, sessions=sessions, fleet=controller.fleet, submissions=submissions, sets=sets
        )
        observations = Observations(store=store, schemas=schemas, sessions=sessions, fleet=controller.fleet)
        service = FabricdService(
            store,
            submissions,
            controller,
            explanations,
            models=ModelRooms(sets, ModelFetches(sessions), checks),
            observations=observations,
            probes=Probes(controller=controller, store=store, schemas=schemas, prober=probe, known=()),
            started=dt.datetime.now(dt.UTC),
        )
        server = NorthboundServer(settings, service)
        await server.start()
        stack.push_async_callback(server.stop, 1.0)
        await server.set_serving(True)
        yield Service(settings.unix_socket, store, controller, server, observations)


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path, name: str = "clients") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._certificate = self._signed(self._name, self._key, ca=True)
        self.file = self._write(f"{name}-ca.pem", self._certificate)

    def issue(self, common_name: str, *, alternative_names: Sequence[str] = ()) -> Tls:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        certificate = self._signed(subject, key, ca=False, alternative_names=alternative_names)
        key_file = self._folder / f"{common_name}.key"
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return Tls(self.file, self._write(f"{common_name}.pem", certificate), key_file)

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool, alternative_names: Sequence[str] = ()
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in alternative_names]
        if "localhost" in alternative_names:
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        file = self._folder / name
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return file


def interfaces(device: str, *, mtu: int = 9000, name: str = "", source: str = "doc.yaml") -> pb.Document:
    """A small document for one device."""
    content = f"""\
kind: config
name: {name or device}
devices: [{device}]
config:
  openconfig-interfaces:interfaces:
    interface:
      - name: Ethernet1
        config:
          name: Ethernet1
          type: iana-if-type:ethernetCsmacd
          mtu: {mtu}
"""
    return pb.Document(source=source, content=content.encode())


@asynccontextmanager
async def switches(
    folder: Path, *names: str, models: str = "managed", deviations: tuple[Path, ...] = ()
) -> AsyncIterator[tuple[Simulation, dict[str, Device]]]:
    """Simulated switches that run, and the devices that reach them by gNMI."""
    config = SimulationConfig(
        state_directory=folder / "switches",
        models=models,
        deviations=deviations,
        switches=tuple(SwitchConfig(name=name, ports=("Ethernet1", "Ethernet2")) for name in names),
    )
    async with Simulation(config) as simulation:
        password = folder / "password"
        password.touch(mode=0o600)
        password.write_text("fabricd")
        profile = Profile("openconfig", timeouts=PATIENT)
        login = Login("fabricd", password=SecretReference("file", str(password)))
        trust = Trust(ca=str(simulation.ca_file))
        yield (
            simulation,
            {
                name: Device(name, switch.host, switch.gnmi_port, Protocol.GNMI, profile, login, trust)
                for name, switch in simulation.switches.items()
            },
        )
