"""What two processes say to each other: pickled messages through a pipe, with the arrays in them beside the pickle.

Arrays leave the pickle by its protocol 5 (PEP 574) and travel through shared memory, or through the pipe where that is
missing or full. A frame is a header, the sizes of the buffers, the pickle, then the buffers that took the pipe.
"""

import io
import pickle
import struct
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Any

import numpy as np

from engine.isolate.memory import MemoryFile

_HEADER = struct.Struct("<B?QQ")  # kind, whether the buffers are in memory, bytes of the pickle, number of buffers
_PIPE_BYTES = 1 << 16  # what a pipe holds: less than this is not worth the shared memory


class Kind(IntEnum):
    """What a message is; in brackets what it carries."""

    RUN = 1
    """To the child: begin [function, args, kwargs]."""
    CANCEL = 2
    """To the child: close the running generator; without meaning to an idle one."""
    PROGRESS = 3
    """From the child [Progress]."""
    LOG = 4
    """From the child, at any time [logging.LogRecord]."""
    RESULT = 5
    """From the child, ends a run [the result]."""
    ERROR = 6
    """From the child, ends a run [an EngineError]."""
    CRASH = 7
    """From the child, ends a run [one line, the traceback]: an exception that is not meant for people."""
    CANCELLED = 8
    """From the child, ends a run: the generator has been closed."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message in its pickled form, so that it can be passed on before anyone imports what its content needs."""

    kind: Kind
    pickled: bytes
    buffers: Sequence[memoryview] = ()

    @classmethod
    def of(cls, kind: Kind, content: object = None) -> "Message":
        """Pickle `content`; raises what pickle raises if that cannot be."""
        buffers: list[pickle.PickleBuffer] = []
        pickled = io.BytesIO()
        _Pickler(pickled, protocol=pickle.HIGHEST_PROTOCOL, buffer_callback=buffers.append).dump(content)
        return cls(kind, pickled.getvalue(), [buffer.raw() for buffer in buffers])

    def content(self) -> Any:
        """Unpickle; arrays in it are the only holders of their memory, and read-only where they were so."""
        return pickle.loads(self.pickled, buffers=self.buffers)  # noqa: S301 - from our own child or parent only


def _read_only(mapping: Mapping[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(mapping)


class _Pickler(pickle.Pickler):
    """Knows read-only mappings, which frozen values hold, and keeps arrays out of the pickle whatever their strides."""

    def reducer_override(self, value: object) -> Any:
        if isinstance(value, MappingProxyType):
            return _read_only, (dict(value),)
        if type(value) is np.ndarray and not value.flags.forc:  # a flipped view; NumPy would put it into the pickle
            return np.ascontiguousarray(value).__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        return NotImplemented


class Channel:
    """Both ends of a conversation, as one process sees it. Any thread may send; one thread receives."""

    def __init__(
        self, reading: io.FileIO, writing: io.FileIO, inbox: MemoryFile | None, outbox: MemoryFile | None
    ) -> None:
        self._reading = reading
        self._writing = writing
        self._inbox = inbox
        self._outbox = outbox
        self._sending = threading.Lock()

    def send(self, message: Message) -> None:
        """Send all of `message`; BrokenPipeError if the other process is gone or this end is closed."""
        sizes = [buffer.nbytes for buffer in message.buffers]
        with self._sending:
            if self._writing.closed:
                raise BrokenPipeError("the channel is closed")
            in_memory = sum(sizes) > _PIPE_BYTES and self._outbox is not None and self._outbox.put(message.buffers)
            header = _HEADER.pack(message.kind, in_memory, len(message.pickled), len(sizes))
            self._write(memoryview(header + struct.pack(f"<{len(sizes)}Q", *sizes)))
            self._write(memoryview(message.pickled))
            for buffer in () if in_memory else message.buffers:
                self._write(buffer)

    def receive(self) -> Message | None:
        """Wait for the next message; None when the other process has closed its end or died."""
        try:
            kind, in_memory, length, count = _HEADER.unpack(self._read(_HEADER.size))
            sizes = struct.unpack(f"<{count}Q", self._read(8 * count))
            pickled = self._read(length).tobytes()
            if in_memory and self._inbox is not None:
                return Message(Kind(kind), pickled, self._inbox.take(sizes))
            return Message(Kind(kind), pickled, [self._read(size) for size in sizes])
        except EOFError:
            return None

    def stop_sending(self) -> None:
        """Close the sending end, which the other process sees as the end of the conversation."""
        with self._sending:
            self._writing.close()

    def close(self) -> None:
        """Close everything, once; only when no thread receives any more."""
        if self._reading.closed:
            return
        self.stop_sending()
        self._reading.close()
        for memory in (self._inbox, self._outbox):
            if memory is not None:
                memory.close()

    def _write(self, data: memoryview) -> None:
        while data.nbytes:
            data = data[self._writing.write(data) :]

    def _read(self, size: int) -> memoryview:
        data = np.empty(size, dtype=np.uint8).data
        rest = data
        while rest.nbytes:
            count = self._reading.readinto(rest)
            if not count:
                raise EOFError
            rest = rest[count:]
        return data
