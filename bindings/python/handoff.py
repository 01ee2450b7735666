# SPDX-License-Identifier: MIT
"""A thin layer over handoff_abi: calls that raise, handles that close, pools of ctypes structures.

    lib = handoff.Library("libhandoff.so.0")
    status = lib.ho_take(...)       # an outcome, 0 or positive: HO_OK, HO_EMPTY, HO_FULL, ...
                                    # an error raises: handoff.Error: ho_take: HO_E_CLOSED: ...
    domain = lib.open("ho_domain_create", abi.ho_domain, None)
"""
import ctypes as c

import handoff_abi as abi


class Error(Exception):
    """A call that refused: which, and why. `status` is its number."""

    def __init__(self, call, status, name, text):
        super().__init__(f"{call}: {name}: {text}")
        self.call, self.status, self.name = call, status, name


class Library:
    """The functions of a libhandoff.so. Outcomes are returned, errors raised."""

    def __init__(self, path="libhandoff.so.0"):
        self.raw = abi.load(path)

    def __getattr__(self, call):
        function = getattr(self.raw, call)

        def checked(*arguments):
            status = function(*arguments)
            if status < 0:
                raise self.error(call, status)
            return status
        setattr(self, call, checked)
        return checked

    def error(self, call, status):
        name, text = c.c_char_p(), c.c_char_p()
        self.raw.ho_strerror(status, c.byref(name), c.byref(text))
        return Error(call, status, name.value.decode(), text.value.decode())

    def done(self, call, *arguments):
        """Calls what is to be done whole: an outcome that is not HO_OK raises, too."""
        status = getattr(self, call)(*arguments)
        if status != abi.HO_OK:
            raise self.error(call, status)

    def open(self, call, kind, *arguments):
        """Calls what opens, and gives the handle."""
        handle = c.POINTER(kind)()
        self.done(call, *arguments, c.byref(handle))
        return handle


def options(kind, **fields):
    """An options or result structure with its size set."""
    return kind(size=c.sizeof(kind), **fields)


class Pool:
    """Objects of one ctypes structure in an arena. Any thread acquires and releases."""

    def __init__(self, lib, arena, kind, **opts):
        if "name" in opts:
            opts["name"] = opts["name"].encode()
        opts.setdefault("align_bytes", max(8, c.alignment(kind)))
        wanted = options(abi.ho_pool_opts, slot_bytes=c.sizeof(kind), **opts)
        self.lib, self.kind = lib, kind
        self.raw = lib.open("ho_pool_open", abi.ho_pool, arena, c.byref(wanted))

    def acquire(self):
        """An object's handle, a number; None when the pool is full. Its bytes are the last user's, or zero."""
        obj = abi.ho_obj()
        full = self.lib.ho_pool_acquire(self.raw, c.byref(obj))
        return None if full else obj.handle

    def resolve(self, handle):
        """The structure that the handle names; None once it was released. Do not use it after that."""
        at = c.c_void_p()
        try:
            self.lib.ho_pool_resolve(self.raw, handle, c.byref(at))
        except Error as error:
            if error.status == abi.HO_E_STALE:
                return None
            raise
        return self.kind.from_address(at.value)

    def release(self, handle):
        """Its handle is stale from now on; a second release raises HO_E_STALE."""
        found = self.resolve(handle)
        if found is None:
            raise self.lib.error("ho_pool_release", abi.HO_E_STALE)
        obj = abi.ho_obj(c.addressof(found), handle)
        self.lib.done("ho_pool_release", self.raw, c.byref(obj))

    def handles(self):
        """The handles of all objects that are live. One that comes or goes meanwhile may be among them or not."""
        cursor, found, count = c.c_uint64(), (c.c_uint64 * 64)(), c.c_uint32()
        while self.lib.ho_pool_visit(self.raw, c.byref(cursor), found, 64,
                                     c.byref(count)) == abi.HO_OK:
            yield from found[:count.value]

    def prepare(self, count):
        """Makes memory present for a burst; for how many objects there is."""
        prepared = c.c_uint32()
        self.lib.ho_pool_prepare(self.raw, count, c.byref(prepared))
        return prepared.value

    def trim(self, keep_bytes=0):
        """Gives unused memory back to the system; how many bytes."""
        freed = c.c_uint64()
        self.lib.done("ho_pool_trim", self.raw, keep_bytes, c.byref(freed))
        return freed.value

    def stats(self):
        stats = options(abi.ho_pool_stats)
        self.lib.done("ho_pool_stats_get", self.raw, c.byref(stats))
        return stats

    def close(self):
        """Raises HO_E_BUSY while objects are out; handles() tells which."""
        self.lib.done("ho_pool_close", self.raw, None)
