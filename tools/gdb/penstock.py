# SPDX-License-Identifier: BSL-1.0
"""Shows streams, sinks, receipts, Refs, contexts and counters in gdb as what they are.

    (gdb) source tools/gdb/penstock.py      once, or in ~/.gdbinit
    (gdb) print numbers
    $1 = Stream<int> of Stream "numbers", in 8, 2 branches

Reads memory only and calls no function, so it works on core dumps too.
"""
import gdb
import gdb.printing

COUNTERS = ("in", "out", "left_out", "dropped", "failed", "held", "waiting", "late_errors", "missed")


def text_of(string):
    """A std::string, of libstdc++ or libc++, as a Python string."""
    fields = {field.name for field in string.type.strip_typedefs().fields()}
    if "_M_dataplus" in fields:
        return string["_M_dataplus"]["_M_p"].string(length=int(string["_M_string_length"]))
    shown = gdb.default_visualizer(string)
    shown = shown.to_string() if shown else ""
    return shown.string() if hasattr(shown, "string") else str(shown).strip('"')


def size_of(vector):
    """Of a std::vector, of libstdc++ or libc++, or a List."""
    fields = {field.name for field in vector.type.strip_typedefs().fields()}
    if "penstock::detail::ListMemory" in fields:
        return int(vector["size_"])
    if "_M_impl" in fields or any(name and name.startswith("std::_Vector_base") for name in fields):
        return int(vector["_M_impl"]["_M_finish"] - vector["_M_impl"]["_M_start"])
    return int(vector["__end_"] - vector["__begin_"])


def count_of(counter):
    """A Counter, which is one Atomic."""
    atomic = counter["value_"]
    while atomic.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        atomic = atomic[next(field for field in atomic.type.strip_typedefs().fields() if hasattr(field, "bitpos"))]
    return int(atomic)


def place_of(kind, name):
    """The type of a member, also of a base class, and where it lies in an object, in bytes; None when there is none."""
    for field in kind.strip_typedefs().fields():
        if not hasattr(field, "bitpos"):
            continue
        if field.name == name and not field.is_base_class:
            return field.type, field.bitpos // 8
        inner = place_of(field.type, name) if field.is_base_class else None
        if inner:
            return inner[0], field.bitpos // 8 + inner[1]
    return None


def member(pointer, name):
    """pointer->name. gdb would look for the most derived class first, and complain of the names of lambdas in it."""
    kind, offset = place_of(pointer.type.strip_typedefs().target(), name)
    return gdb.Value(int(pointer) + offset).cast(kind.pointer()).dereference()


def enumerator(value):
    return str(value).rsplit("::", 1)[-1]


def pointer_in(value):
    """The one pointer in a handle that holds nothing else."""
    while value.type.strip_typedefs().code != gdb.TYPE_CODE_PTR:
        fields = value.type.strip_typedefs().fields()
        value = value[next(field for field in fields if not (field.is_base_class and field.type.sizeof == 1))]
    return value


def info_text(info):
    """An Info: the operator, its parameters, its name, and the counters that are not 0."""
    operation, detail, name = info["op"].string(), text_of(info["detail"]), text_of(info["name"])
    text = operation + (f": {detail}" if detail else "") + (f' "{name}"' if name else "")
    counts = [(counter.replace("_", " "), count_of(info[counter])) for counter in COUNTERS]
    return ", ".join([text, *(f"{counter} {count}" for counter, count in counts if count)])


def ref_text(ref):
    block = ref["block_"]
    if int(block) == 0:
        return "empty"
    copies, ending = int(member(block, "count_")), member(block, "ending_")
    outcome = enumerator(ending["outcome"])
    text = f"{copies} {'copy' if copies == 1 else 'copies'}"
    if outcome == "done":
        return text
    return f"{text}, {outcome}" + (f": {ending['reason'].string()}" if int(ending["reason"]) else "")


class RefPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return f"Ref, {ref_text(self.value)}"


class ContextPrinter:
    """The Refs are its children."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        size, time = int(self.value["size_"]), int(self.value["time_"])
        parts = [f"Context of {size} {'Ref' if size == 1 else 'Refs'}"]
        if time != -(2 ** 63):
            parts.append(f"event time {time} us")
        if int(self.value["trace_"]):
            parts.append("traced")
        return ", ".join(parts)

    def children(self):
        more = pointer_in(self.value["more_"])
        for i in range(int(self.value["size_"])):
            yield f"[{i}]", self.value["first_"] if i == 0 else (more + (i - 1)).dereference()


class ReceiptPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        state = self.value["state_"]
        if int(state) == 0:
            return "Receipt, taken"
        if bool(member(state, "settled_")):
            failed = int(pointer_in(member(state, "error_")))
            return "Receipt, settled with an exception" if failed else "Receipt, settled"
        holder = member(state, "who_")
        who = f" in {info_text(holder.dereference())}" if int(holder) else ""
        return f"Receipt, waits for {enumerator(member(state, 'why_'))}{who}"


class StreamPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        element = self.value.type.strip_typedefs().template_argument(0)
        outlet = self.value["outlet_"]
        branches = size_of(member(outlet, "branches_"))
        text = f"Stream<{element}> of {info_text(member(member(outlet, 'node_'), 'info_').dereference())}"
        text += f", {branches} {'branch' if branches == 1 else 'branches'}"
        return text + (", ended" if bool(member(outlet, "ended_")) else "")


class SinkPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        node = pointer_in(self.value["handle_"])
        return f"Sink of {info_text(member(node, 'info_').dereference())}" if int(node) else "Sink, moved from"


class InfoPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return f"Info of {info_text(self.value)}"


class CounterPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return str(count_of(self.value))


def build():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("penstock")
    for name, regex, printer in (
            ("Ref", r"^penstock::Ref$", RefPrinter),
            ("Context", r"^penstock::Context$", ContextPrinter),
            ("Receipt", r"^penstock::Receipt$", ReceiptPrinter),
            ("Stream", r"^penstock::Stream<.*>$", StreamPrinter),
            ("Sink", r"^penstock::Sink$", SinkPrinter),
            ("Info", r"^penstock::Info$", InfoPrinter),
            ("Counter", r"^penstock::Counter$", CounterPrinter)):
        printers.add_printer(name, regex, printer)
    return printers


gdb.printing.register_pretty_printer(gdb.current_objfile(), build(), replace=True)
