import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FORMAT_UNSPECIFIED: _ClassVar[Format]
    FORMAT_JSON: _ClassVar[Format]
    FORMAT_YAML: _ClassVar[Format]

class Operation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_UNSPECIFIED: _ClassVar[Operation]
    OPERATION_CREATE: _ClassVar[Operation]
    OPERATION_REPLACE: _ClassVar[Operation]
    OPERATION_DELETE: _ClassVar[Operation]
    OPERATION_MOVE: _ClassVar[Operation]
FORMAT_UNSPECIFIED: Format
FORMAT_JSON: Format
FORMAT_YAML: Format
OPERATION_UNSPECIFIED: Operation
OPERATION_CREATE: Operation
OPERATION_REPLACE: Operation
OPERATION_DELETE: Operation
OPERATION_MOVE: Operation

class Document(_message.Message):
    __slots__ = ("source", "format", "content")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    source: str
    format: Format
    content: bytes
    def __init__(self, source: _Optional[str] = ..., format: _Optional[_Union[Format, str]] = ..., content: _Optional[bytes] = ...) -> None: ...

class SubmitRequest(_message.Message):
    __slots__ = ("documents", "withdraw", "comment", "dry_run", "base_revision", "request_id")
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    WITHDRAW_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    BASE_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    documents: _containers.RepeatedCompositeFieldContainer[Document]
    withdraw: _containers.RepeatedScalarFieldContainer[str]
    comment: str
    dry_run: bool
    base_revision: int
    request_id: str
    def __init__(self, documents: _Optional[_Iterable[_Union[Document, _Mapping]]] = ..., withdraw: _Optional[_Iterable[str]] = ..., comment: _Optional[str] = ..., dry_run: _Optional[bool] = ..., base_revision: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class SubmitResponse(_message.Message):
    __slots__ = ("revision", "changed_devices", "repeated_request", "unchanged", "plans")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_DEVICES_FIELD_NUMBER: _ClassVar[int]
    REPEATED_REQUEST_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    PLANS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    changed_devices: _containers.RepeatedScalarFieldContainer[str]
    repeated_request: bool
    unchanged: bool
    plans: _containers.RepeatedCompositeFieldContainer[DevicePlan]
    def __init__(self, revision: _Optional[int] = ..., changed_devices: _Optional[_Iterable[str]] = ..., repeated_request: _Optional[bool] = ..., unchanged: _Optional[bool] = ..., plans: _Optional[_Iterable[_Union[DevicePlan, _Mapping]]] = ...) -> None: ...

class Revision(_message.Message):
    __slots__ = ("number", "parent", "author", "comment", "created", "changed_devices", "rollback_of", "current")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_DEVICES_FIELD_NUMBER: _ClassVar[int]
    ROLLBACK_OF_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    number: int
    parent: int
    author: str
    comment: str
    created: _timestamp_pb2.Timestamp
    changed_devices: _containers.RepeatedScalarFieldContainer[str]
    rollback_of: int
    current: bool
    def __init__(self, number: _Optional[int] = ..., parent: _Optional[int] = ..., author: _Optional[str] = ..., comment: _Optional[str] = ..., created: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., changed_devices: _Optional[_Iterable[str]] = ..., rollback_of: _Optional[int] = ..., current: _Optional[bool] = ...) -> None: ...

class Intent(_message.Message):
    __slots__ = ("name", "owner", "priority", "devices", "replace", "config_json", "kind", "fabric_json", "allocations_json", "source")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FABRIC_JSON_FIELD_NUMBER: _ClassVar[int]
    ALLOCATIONS_JSON_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    owner: str
    priority: int
    devices: _containers.RepeatedScalarFieldContainer[str]
    replace: _containers.RepeatedScalarFieldContainer[str]
    config_json: str
    kind: str
    fabric_json: str
    allocations_json: str
    source: str
    def __init__(self, name: _Optional[str] = ..., owner: _Optional[str] = ..., priority: _Optional[int] = ..., devices: _Optional[_Iterable[str]] = ..., replace: _Optional[_Iterable[str]] = ..., config_json: _Optional[str] = ..., kind: _Optional[str] = ..., fabric_json: _Optional[str] = ..., allocations_json: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class ListRevisionsRequest(_message.Message):
    __slots__ = ("limit", "before")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    limit: int
    before: int
    def __init__(self, limit: _Optional[int] = ..., before: _Optional[int] = ...) -> None: ...

class ListRevisionsResponse(_message.Message):
    __slots__ = ("revisions",)
    REVISIONS_FIELD_NUMBER: _ClassVar[int]
    revisions: _containers.RepeatedCompositeFieldContainer[Revision]
    def __init__(self, revisions: _Optional[_Iterable[_Union[Revision, _Mapping]]] = ...) -> None: ...

class GetRevisionRequest(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: int
    def __init__(self, revision: _Optional[int] = ...) -> None: ...

class GetRevisionResponse(_message.Message):
    __slots__ = ("revision", "intents")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    INTENTS_FIELD_NUMBER: _ClassVar[int]
    revision: Revision
    intents: _containers.RepeatedCompositeFieldContainer[Intent]
    def __init__(self, revision: _Optional[_Union[Revision, _Mapping]] = ..., intents: _Optional[_Iterable[_Union[Intent, _Mapping]]] = ...) -> None: ...

class DiffRequest(_message.Message):
    __slots__ = ("from_revision", "to_revision", "devices")
    FROM_REVISION_FIELD_NUMBER: _ClassVar[int]
    TO_REVISION_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    from_revision: int
    to_revision: int
    devices: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, from_revision: _Optional[int] = ..., to_revision: _Optional[int] = ..., devices: _Optional[_Iterable[str]] = ...) -> None: ...

class DiffResponse(_message.Message):
    __slots__ = ("from_revision", "to_revision", "devices")
    FROM_REVISION_FIELD_NUMBER: _ClassVar[int]
    TO_REVISION_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    from_revision: int
    to_revision: int
    devices: _containers.RepeatedCompositeFieldContainer[DevicePlan]
    def __init__(self, from_revision: _Optional[int] = ..., to_revision: _Optional[int] = ..., devices: _Optional[_Iterable[_Union[DevicePlan, _Mapping]]] = ...) -> None: ...

class RollbackRequest(_message.Message):
    __slots__ = ("to_revision", "comment", "base_revision", "request_id", "dry_run")
    TO_REVISION_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    BASE_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    to_revision: int
    comment: str
    base_revision: int
    request_id: str
    dry_run: bool
    def __init__(self, to_revision: _Optional[int] = ..., comment: _Optional[str] = ..., base_revision: _Optional[int] = ..., request_id: _Optional[str] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class Edit(_message.Message):
    __slots__ = ("operation", "path", "old_json", "new_json", "disruption", "after")
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    OLD_JSON_FIELD_NUMBER: _ClassVar[int]
    NEW_JSON_FIELD_NUMBER: _ClassVar[int]
    DISRUPTION_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    operation: Operation
    path: str
    old_json: str
    new_json: str
    disruption: str
    after: str
    def __init__(self, operation: _Optional[_Union[Operation, str]] = ..., path: _Optional[str] = ..., old_json: _Optional[str] = ..., new_json: _Optional[str] = ..., disruption: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class DevicePlan(_message.Message):
    __slots__ = ("device", "edits", "disruption", "unmanaged_nodes", "skipped_paths", "error", "error_code", "deleted_share", "reverts_itself", "omitted_paths")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    EDITS_FIELD_NUMBER: _ClassVar[int]
    DISRUPTION_FIELD_NUMBER: _ClassVar[int]
    UNMANAGED_NODES_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_PATHS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    DELETED_SHARE_FIELD_NUMBER: _ClassVar[int]
    REVERTS_ITSELF_FIELD_NUMBER: _ClassVar[int]
    OMITTED_PATHS_FIELD_NUMBER: _ClassVar[int]
    device: str
    edits: _containers.RepeatedCompositeFieldContainer[Edit]
    disruption: str
    unmanaged_nodes: int
    skipped_paths: _containers.RepeatedScalarFieldContainer[str]
    error: str
    error_code: str
    deleted_share: float
    reverts_itself: bool
    omitted_paths: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, device: _Optional[str] = ..., edits: _Optional[_Iterable[_Union[Edit, _Mapping]]] = ..., disruption: _Optional[str] = ..., unmanaged_nodes: _Optional[int] = ..., skipped_paths: _Optional[_Iterable[str]] = ..., error: _Optional[str] = ..., error_code: _Optional[str] = ..., deleted_share: _Optional[float] = ..., reverts_itself: _Optional[bool] = ..., omitted_paths: _Optional[_Iterable[str]] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ("devices",)
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, devices: _Optional[_Iterable[str]] = ...) -> None: ...

class StatusResponse(_message.Message):
    __slots__ = ("revision", "devices", "queue_depth", "version", "started")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    QUEUE_DEPTH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    revision: int
    devices: _containers.RepeatedCompositeFieldContainer[DeviceStatus]
    queue_depth: int
    version: str
    started: _timestamp_pb2.Timestamp
    def __init__(self, revision: _Optional[int] = ..., devices: _Optional[_Iterable[_Union[DeviceStatus, _Mapping]]] = ..., queue_depth: _Optional[int] = ..., version: _Optional[str] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DeviceStatus(_message.Message):
    __slots__ = ("device", "address", "protocol", "profile", "mode", "outcome", "revision", "checked", "changed", "drift", "failures", "error_code", "error_message", "unstable_paths", "in_sync", "desired_revision")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CHECKED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    UNSTABLE_PATHS_FIELD_NUMBER: _ClassVar[int]
    IN_SYNC_FIELD_NUMBER: _ClassVar[int]
    DESIRED_REVISION_FIELD_NUMBER: _ClassVar[int]
    device: str
    address: str
    protocol: str
    profile: str
    mode: str
    outcome: str
    revision: int
    checked: _timestamp_pb2.Timestamp
    changed: _timestamp_pb2.Timestamp
    drift: int
    failures: int
    error_code: str
    error_message: str
    unstable_paths: _containers.RepeatedScalarFieldContainer[str]
    in_sync: bool
    desired_revision: int
    def __init__(self, device: _Optional[str] = ..., address: _Optional[str] = ..., protocol: _Optional[str] = ..., profile: _Optional[str] = ..., mode: _Optional[str] = ..., outcome: _Optional[str] = ..., revision: _Optional[int] = ..., checked: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., changed: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., drift: _Optional[int] = ..., failures: _Optional[int] = ..., error_code: _Optional[str] = ..., error_message: _Optional[str] = ..., unstable_paths: _Optional[_Iterable[str]] = ..., in_sync: _Optional[bool] = ..., desired_revision: _Optional[int] = ...) -> None: ...

class PlanRequest(_message.Message):
    __slots__ = ("devices",)
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, devices: _Optional[_Iterable[str]] = ...) -> None: ...

class PlanResponse(_message.Message):
    __slots__ = ("revision", "plans")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    PLANS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    plans: _containers.RepeatedCompositeFieldContainer[DevicePlan]
    def __init__(self, revision: _Optional[int] = ..., plans: _Optional[_Iterable[_Union[DevicePlan, _Mapping]]] = ...) -> None: ...

class ReconcileRequest(_message.Message):
    __slots__ = ("devices", "approve")
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    APPROVE_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedScalarFieldContainer[str]
    approve: bool
    def __init__(self, devices: _Optional[_Iterable[str]] = ..., approve: _Optional[bool] = ...) -> None: ...

class ReconcileResponse(_message.Message):
    __slots__ = ("queued",)
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    queued: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, queued: _Optional[_Iterable[str]] = ...) -> None: ...

class SetModeRequest(_message.Message):
    __slots__ = ("devices", "mode", "reason")
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedScalarFieldContainer[str]
    mode: str
    reason: str
    def __init__(self, devices: _Optional[_Iterable[str]] = ..., mode: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SetModeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetDesiredRequest(_message.Message):
    __slots__ = ("device", "revision")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    device: str
    revision: int
    def __init__(self, device: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class GetDesiredResponse(_message.Message):
    __slots__ = ("device", "revision", "config_json", "digest")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    device: str
    revision: int
    config_json: str
    digest: str
    def __init__(self, device: _Optional[str] = ..., revision: _Optional[int] = ..., config_json: _Optional[str] = ..., digest: _Optional[str] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("device", "path", "revision")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    device: str
    path: str
    revision: int
    def __init__(self, device: _Optional[str] = ..., path: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("revision", "device", "path", "value_json", "owned", "claims", "left_out")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    OWNED_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    revision: int
    device: str
    path: str
    value_json: str
    owned: bool
    claims: _containers.RepeatedCompositeFieldContainer[Claim]
    left_out: bool
    def __init__(self, revision: _Optional[int] = ..., device: _Optional[str] = ..., path: _Optional[str] = ..., value_json: _Optional[str] = ..., owned: _Optional[bool] = ..., claims: _Optional[_Iterable[_Union[Claim, _Mapping]]] = ..., left_out: _Optional[bool] = ...) -> None: ...

class Claim(_message.Message):
    __slots__ = ("intent", "kind", "owner", "priority", "value_json", "wins", "source", "line", "concern", "revision", "author", "comment")
    INTENT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    WINS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    CONCERN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    intent: str
    kind: str
    owner: str
    priority: int
    value_json: str
    wins: bool
    source: str
    line: int
    concern: str
    revision: int
    author: str
    comment: str
    def __init__(self, intent: _Optional[str] = ..., kind: _Optional[str] = ..., owner: _Optional[str] = ..., priority: _Optional[int] = ..., value_json: _Optional[str] = ..., wins: _Optional[bool] = ..., source: _Optional[str] = ..., line: _Optional[int] = ..., concern: _Optional[str] = ..., revision: _Optional[int] = ..., author: _Optional[str] = ..., comment: _Optional[str] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("after", "follow", "devices", "last")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    after: int
    follow: bool
    devices: _containers.RepeatedScalarFieldContainer[str]
    last: int
    def __init__(self, after: _Optional[int] = ..., follow: _Optional[bool] = ..., devices: _Optional[_Iterable[str]] = ..., last: _Optional[int] = ...) -> None: ...

class JournalRecord(_message.Message):
    __slots__ = ("sequence", "time", "event", "decision", "device", "revision", "trigger", "outcome", "edits", "durations", "error_code", "error_path", "message", "author")
    class DurationsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    EDITS_FIELD_NUMBER: _ClassVar[int]
    DURATIONS_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_PATH_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time: _timestamp_pb2.Timestamp
    event: str
    decision: str
    device: str
    revision: int
    trigger: str
    outcome: str
    edits: _containers.RepeatedCompositeFieldContainer[Edit]
    durations: _containers.ScalarMap[str, float]
    error_code: str
    error_path: str
    message: str
    author: str
    def __init__(self, sequence: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., event: _Optional[str] = ..., decision: _Optional[str] = ..., device: _Optional[str] = ..., revision: _Optional[int] = ..., trigger: _Optional[str] = ..., outcome: _Optional[str] = ..., edits: _Optional[_Iterable[_Union[Edit, _Mapping]]] = ..., durations: _Optional[_Mapping[str, float]] = ..., error_code: _Optional[str] = ..., error_path: _Optional[str] = ..., message: _Optional[str] = ..., author: _Optional[str] = ...) -> None: ...

class Problems(_message.Message):
    __slots__ = ("problems", "omitted")
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    OMITTED_FIELD_NUMBER: _ClassVar[int]
    problems: _containers.RepeatedCompositeFieldContainer[Problem]
    omitted: int
    def __init__(self, problems: _Optional[_Iterable[_Union[Problem, _Mapping]]] = ..., omitted: _Optional[int] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("message", "device", "intent", "path", "line", "column")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    message: str
    device: str
    intent: str
    path: str
    line: int
    column: int
    def __init__(self, message: _Optional[str] = ..., device: _Optional[str] = ..., intent: _Optional[str] = ..., path: _Optional[str] = ..., line: _Optional[int] = ..., column: _Optional[int] = ...) -> None: ...

class InstallModelsRequest(_message.Message):
    __slots__ = ("header", "file")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    header: ModelsHeader
    file: ModelsFile
    def __init__(self, header: _Optional[_Union[ModelsHeader, _Mapping]] = ..., file: _Optional[_Union[ModelsFile, _Mapping]] = ...) -> None: ...

class ModelsHeader(_message.Message):
    __slots__ = ("name", "modules", "origin", "features")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODULES_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    name: str
    modules: _containers.RepeatedScalarFieldContainer[str]
    origin: str
    features: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., modules: _Optional[_Iterable[str]] = ..., origin: _Optional[str] = ..., features: _Optional[_Iterable[str]] = ...) -> None: ...

class ModelsFile(_message.Message):
    __slots__ = ("source", "text")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    source: str
    text: bytes
    def __init__(self, source: _Optional[str] = ..., text: _Optional[bytes] = ...) -> None: ...

class FetchModelsRequest(_message.Message):
    __slots__ = ("device", "name", "modules")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODULES_FIELD_NUMBER: _ClassVar[int]
    device: str
    name: str
    modules: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, device: _Optional[str] = ..., name: _Optional[str] = ..., modules: _Optional[_Iterable[str]] = ...) -> None: ...

class ModelsProgress(_message.Message):
    __slots__ = ("done", "total", "step", "missing", "installed")
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    INSTALLED_FIELD_NUMBER: _ClassVar[int]
    done: int
    total: int
    step: str
    missing: _containers.RepeatedScalarFieldContainer[str]
    installed: ModelSet
    def __init__(self, done: _Optional[int] = ..., total: _Optional[int] = ..., step: _Optional[str] = ..., missing: _Optional[_Iterable[str]] = ..., installed: _Optional[_Union[ModelSet, _Mapping]] = ...) -> None: ...

class ModelSet(_message.Message):
    __slots__ = ("name", "origin", "modules", "devices", "fetched_from", "installed", "removable")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    MODULES_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    FETCHED_FROM_FIELD_NUMBER: _ClassVar[int]
    INSTALLED_FIELD_NUMBER: _ClassVar[int]
    REMOVABLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    origin: str
    modules: _containers.RepeatedCompositeFieldContainer[ModelModule]
    devices: _containers.RepeatedScalarFieldContainer[str]
    fetched_from: str
    installed: _timestamp_pb2.Timestamp
    removable: bool
    def __init__(self, name: _Optional[str] = ..., origin: _Optional[str] = ..., modules: _Optional[_Iterable[_Union[ModelModule, _Mapping]]] = ..., devices: _Optional[_Iterable[str]] = ..., fetched_from: _Optional[str] = ..., installed: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., removable: _Optional[bool] = ...) -> None: ...

class ModelModule(_message.Message):
    __slots__ = ("name", "revision", "features")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    name: str
    revision: str
    features: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., revision: _Optional[str] = ..., features: _Optional[_Iterable[str]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("sets",)
    SETS_FIELD_NUMBER: _ClassVar[int]
    sets: _containers.RepeatedCompositeFieldContainer[ModelSet]
    def __init__(self, sets: _Optional[_Iterable[_Union[ModelSet, _Mapping]]] = ...) -> None: ...

class RemoveModelsRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RemoveModelsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CheckModelsRequest(_message.Message):
    __slots__ = ("device", "documents", "models")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    device: str
    documents: _containers.RepeatedCompositeFieldContainer[Document]
    models: str
    def __init__(self, device: _Optional[str] = ..., documents: _Optional[_Iterable[_Union[Document, _Mapping]]] = ..., models: _Optional[str] = ...) -> None: ...

class CheckModelsResponse(_message.Message):
    __slots__ = ("device", "against", "leaves", "untakeable", "omitted", "modules", "left_out")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    AGAINST_FIELD_NUMBER: _ClassVar[int]
    LEAVES_FIELD_NUMBER: _ClassVar[int]
    UNTAKEABLE_FIELD_NUMBER: _ClassVar[int]
    OMITTED_FIELD_NUMBER: _ClassVar[int]
    MODULES_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    device: str
    against: str
    leaves: int
    untakeable: _containers.RepeatedCompositeFieldContainer[Untakeable]
    omitted: int
    modules: _containers.RepeatedCompositeFieldContainer[ModuleMismatch]
    left_out: _containers.RepeatedCompositeFieldContainer[LeftOut]
    def __init__(self, device: _Optional[str] = ..., against: _Optional[str] = ..., leaves: _Optional[int] = ..., untakeable: _Optional[_Iterable[_Union[Untakeable, _Mapping]]] = ..., omitted: _Optional[int] = ..., modules: _Optional[_Iterable[_Union[ModuleMismatch, _Mapping]]] = ..., left_out: _Optional[_Iterable[_Union[LeftOut, _Mapping]]] = ...) -> None: ...

class LeftOut(_message.Message):
    __slots__ = ("path", "leaves")
    PATH_FIELD_NUMBER: _ClassVar[int]
    LEAVES_FIELD_NUMBER: _ClassVar[int]
    path: str
    leaves: int
    def __init__(self, path: _Optional[str] = ..., leaves: _Optional[int] = ...) -> None: ...

class Untakeable(_message.Message):
    __slots__ = ("path", "value_json", "reason", "message", "intent", "source", "sent_path", "sent_value_json")
    PATH_FIELD_NUMBER: _ClassVar[int]
    VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SENT_PATH_FIELD_NUMBER: _ClassVar[int]
    SENT_VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    path: str
    value_json: str
    reason: str
    message: str
    intent: str
    source: str
    sent_path: str
    sent_value_json: str
    def __init__(self, path: _Optional[str] = ..., value_json: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., intent: _Optional[str] = ..., source: _Optional[str] = ..., sent_path: _Optional[str] = ..., sent_value_json: _Optional[str] = ...) -> None: ...

class ModuleMismatch(_message.Message):
    __slots__ = ("name", "ours", "device")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OURS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    name: str
    ours: str
    device: str
    def __init__(self, name: _Optional[str] = ..., ours: _Optional[str] = ..., device: _Optional[str] = ...) -> None: ...

class OperationalRequest(_message.Message):
    __slots__ = ("devices",)
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, devices: _Optional[_Iterable[str]] = ...) -> None: ...

class OperationalResponse(_message.Message):
    __slots__ = ("devices",)
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedCompositeFieldContainer[DeviceOperational]
    def __init__(self, devices: _Optional[_Iterable[_Union[DeviceOperational, _Mapping]]] = ...) -> None: ...

class DeviceOperational(_message.Message):
    __slots__ = ("device", "read", "interfaces", "neighbors", "sessions", "unread", "error", "error_code", "lldp_system_name", "lldp_enabled")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    INTERFACES_FIELD_NUMBER: _ClassVar[int]
    NEIGHBORS_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    UNREAD_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    LLDP_SYSTEM_NAME_FIELD_NUMBER: _ClassVar[int]
    LLDP_ENABLED_FIELD_NUMBER: _ClassVar[int]
    device: str
    read: _timestamp_pb2.Timestamp
    interfaces: _containers.RepeatedCompositeFieldContainer[InterfaceState]
    neighbors: _containers.RepeatedCompositeFieldContainer[LldpNeighbor]
    sessions: _containers.RepeatedCompositeFieldContainer[BgpSession]
    unread: _containers.RepeatedScalarFieldContainer[str]
    error: str
    error_code: str
    lldp_system_name: str
    lldp_enabled: bool
    def __init__(self, device: _Optional[str] = ..., read: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., interfaces: _Optional[_Iterable[_Union[InterfaceState, _Mapping]]] = ..., neighbors: _Optional[_Iterable[_Union[LldpNeighbor, _Mapping]]] = ..., sessions: _Optional[_Iterable[_Union[BgpSession, _Mapping]]] = ..., unread: _Optional[_Iterable[str]] = ..., error: _Optional[str] = ..., error_code: _Optional[str] = ..., lldp_system_name: _Optional[str] = ..., lldp_enabled: _Optional[bool] = ...) -> None: ...

class InterfaceState(_message.Message):
    __slots__ = ("name", "admin_status", "oper_status", "enabled", "description", "mtu", "last_change")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADMIN_STATUS_FIELD_NUMBER: _ClassVar[int]
    OPER_STATUS_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    LAST_CHANGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    admin_status: str
    oper_status: str
    enabled: bool
    description: str
    mtu: int
    last_change: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., admin_status: _Optional[str] = ..., oper_status: _Optional[str] = ..., enabled: _Optional[bool] = ..., description: _Optional[str] = ..., mtu: _Optional[int] = ..., last_change: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LldpNeighbor(_message.Message):
    __slots__ = ("interface", "system_name", "chassis_id", "port_id", "port_description")
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_NAME_FIELD_NUMBER: _ClassVar[int]
    CHASSIS_ID_FIELD_NUMBER: _ClassVar[int]
    PORT_ID_FIELD_NUMBER: _ClassVar[int]
    PORT_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    interface: str
    system_name: str
    chassis_id: str
    port_id: str
    port_description: str
    def __init__(self, interface: _Optional[str] = ..., system_name: _Optional[str] = ..., chassis_id: _Optional[str] = ..., port_id: _Optional[str] = ..., port_description: _Optional[str] = ...) -> None: ...

class BgpSession(_message.Message):
    __slots__ = ("network_instance", "protocol", "neighbor", "state", "peer_as", "last_established", "enabled")
    NETWORK_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOR_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PEER_AS_FIELD_NUMBER: _ClassVar[int]
    LAST_ESTABLISHED_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    network_instance: str
    protocol: str
    neighbor: str
    state: str
    peer_as: int
    last_established: _timestamp_pb2.Timestamp
    enabled: bool
    def __init__(self, network_instance: _Optional[str] = ..., protocol: _Optional[str] = ..., neighbor: _Optional[str] = ..., state: _Optional[str] = ..., peer_as: _Optional[int] = ..., last_established: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., enabled: _Optional[bool] = ...) -> None: ...

class CablingRequest(_message.Message):
    __slots__ = ("devices",)
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, devices: _Optional[_Iterable[str]] = ...) -> None: ...

class CablingResponse(_message.Message):
    __slots__ = ("revision", "cables", "unread")
    class UnreadEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CABLES_FIELD_NUMBER: _ClassVar[int]
    UNREAD_FIELD_NUMBER: _ClassVar[int]
    revision: int
    cables: _containers.RepeatedCompositeFieldContainer[Cable]
    unread: _containers.ScalarMap[str, str]
    def __init__(self, revision: _Optional[int] = ..., cables: _Optional[_Iterable[_Union[Cable, _Mapping]]] = ..., unread: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Cable(_message.Message):
    __slots__ = ("verdict", "fabric", "a", "b", "swapped_with", "name")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    FABRIC_FIELD_NUMBER: _ClassVar[int]
    A_FIELD_NUMBER: _ClassVar[int]
    B_FIELD_NUMBER: _ClassVar[int]
    SWAPPED_WITH_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    verdict: str
    fabric: str
    a: CableEnd
    b: CableEnd
    swapped_with: _containers.RepeatedScalarFieldContainer[str]
    name: str
    def __init__(self, verdict: _Optional[str] = ..., fabric: _Optional[str] = ..., a: _Optional[_Union[CableEnd, _Mapping]] = ..., b: _Optional[_Union[CableEnd, _Mapping]] = ..., swapped_with: _Optional[_Iterable[str]] = ..., name: _Optional[str] = ...) -> None: ...

class CableEnd(_message.Message):
    __slots__ = ("port", "found", "note")
    PORT_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    port: str
    found: str
    note: str
    def __init__(self, port: _Optional[str] = ..., found: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class AppliedRequest(_message.Message):
    __slots__ = ("devices",)
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, devices: _Optional[_Iterable[str]] = ...) -> None: ...

class AppliedResponse(_message.Message):
    __slots__ = ("devices",)
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedCompositeFieldContainer[DeviceApplied]
    def __init__(self, devices: _Optional[_Iterable[_Union[DeviceApplied, _Mapping]]] = ...) -> None: ...

class DeviceApplied(_message.Message):
    __slots__ = ("device", "leaves", "not_in_force", "untold", "error", "error_code", "waiting")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    LEAVES_FIELD_NUMBER: _ClassVar[int]
    NOT_IN_FORCE_FIELD_NUMBER: _ClassVar[int]
    UNTOLD_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    device: str
    leaves: int
    not_in_force: _containers.RepeatedCompositeFieldContainer[NotInForce]
    untold: _containers.RepeatedScalarFieldContainer[str]
    error: str
    error_code: str
    waiting: bool
    def __init__(self, device: _Optional[str] = ..., leaves: _Optional[int] = ..., not_in_force: _Optional[_Iterable[_Union[NotInForce, _Mapping]]] = ..., untold: _Optional[_Iterable[str]] = ..., error: _Optional[str] = ..., error_code: _Optional[str] = ..., waiting: _Optional[bool] = ...) -> None: ...

class NotInForce(_message.Message):
    __slots__ = ("path", "configured_json", "applied_json")
    PATH_FIELD_NUMBER: _ClassVar[int]
    CONFIGURED_JSON_FIELD_NUMBER: _ClassVar[int]
    APPLIED_JSON_FIELD_NUMBER: _ClassVar[int]
    path: str
    configured_json: str
    applied_json: str
    def __init__(self, path: _Optional[str] = ..., configured_json: _Optional[str] = ..., applied_json: _Optional[str] = ...) -> None: ...

class ProbeRequest(_message.Message):
    __slots__ = ("device", "write", "interface", "instance", "profile", "timeout", "deadline", "patience")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    WRITE_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_FIELD_NUMBER: _ClassVar[int]
    device: str
    write: bool
    interface: str
    instance: str
    profile: str
    timeout: float
    deadline: float
    patience: float
    def __init__(self, device: _Optional[str] = ..., write: _Optional[bool] = ..., interface: _Optional[str] = ..., instance: _Optional[str] = ..., profile: _Optional[str] = ..., timeout: _Optional[float] = ..., deadline: _Optional[float] = ..., patience: _Optional[float] = ...) -> None: ...

class ProbeProgress(_message.Message):
    __slots__ = ("done", "total", "step", "result")
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    done: int
    total: int
    step: str
    result: ProbeResult
    def __init__(self, done: _Optional[int] = ..., total: _Optional[int] = ..., step: _Optional[str] = ..., result: _Optional[_Union[ProbeResult, _Mapping]] = ...) -> None: ...

class ProbeResult(_message.Message):
    __slots__ = ("device", "protocol", "findings", "undecided", "asked", "profile_toml", "left")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    UNDECIDED_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    PROFILE_TOML_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    device: str
    protocol: str
    findings: _containers.RepeatedCompositeFieldContainer[ProbeFinding]
    undecided: _containers.RepeatedCompositeFieldContainer[ProbeUndecided]
    asked: _containers.RepeatedScalarFieldContainer[str]
    profile_toml: str
    left: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, device: _Optional[str] = ..., protocol: _Optional[str] = ..., findings: _Optional[_Iterable[_Union[ProbeFinding, _Mapping]]] = ..., undecided: _Optional[_Iterable[_Union[ProbeUndecided, _Mapping]]] = ..., asked: _Optional[_Iterable[str]] = ..., profile_toml: _Optional[str] = ..., left: _Optional[_Iterable[str]] = ...) -> None: ...

class ProbeFinding(_message.Message):
    __slots__ = ("name", "message", "quirks", "keys", "evidence", "certainty")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    QUIRKS_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    CERTAINTY_FIELD_NUMBER: _ClassVar[int]
    name: str
    message: str
    quirks: _containers.RepeatedScalarFieldContainer[int]
    keys: _containers.RepeatedScalarFieldContainer[str]
    evidence: _containers.RepeatedScalarFieldContainer[str]
    certainty: str
    def __init__(self, name: _Optional[str] = ..., message: _Optional[str] = ..., quirks: _Optional[_Iterable[int]] = ..., keys: _Optional[_Iterable[str]] = ..., evidence: _Optional[_Iterable[str]] = ..., certainty: _Optional[str] = ...) -> None: ...

class ProbeUndecided(_message.Message):
    __slots__ = ("name", "why", "quirks")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    QUIRKS_FIELD_NUMBER: _ClassVar[int]
    name: str
    why: str
    quirks: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., why: _Optional[str] = ..., quirks: _Optional[_Iterable[int]] = ...) -> None: ...
