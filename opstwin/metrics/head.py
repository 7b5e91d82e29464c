"""The newest samples, in memory until they are sealed into a frame."""

from array import array
from collections.abc import Iterator, Mapping
from operator import lt

from opstwin.metrics.units import Part

Buffer = tuple["array[int]", "array[float]"]


class Head:
    """Samples by the number of their series, as they came; those that are being sealed are still read."""

    def __init__(self) -> None:
        self.buffers: dict[int, Buffer] = {}
        self.sealing: dict[int, Buffer] = {}
        self.samples = 0

    def add(self, series: int, at_ms: int, value: float) -> None:
        """Take one sample in."""
        buffer = self.buffers.get(series)
        if buffer is None:
            buffer = self.buffers[series] = (array("q"), array("d"))
        buffer[0].append(at_ms)
        buffer[1].append(value)
        self.samples += 1

    def take(self) -> Mapping[int, Buffer]:
        """What is to be sealed now: everything, until `sealed` or `put_back` is called."""
        self.sealing, self.buffers, self.samples = self.buffers, {}, 0
        return self.sealing

    def sealed(self) -> None:
        """What was taken is in a frame."""
        self.sealing = {}

    def put_back(self, most: int) -> int:
        """What was taken could not be written. Keeps the newest of each series, about `most` in all.

        Returns how many samples are lost.
        """
        for series, (times, values) in self.sealing.items():
            newer = self.buffers.get(series)
            if newer is not None:
                times.extend(newer[0])
                values.extend(newer[1])
            self.buffers[series] = (times, values)
        self.sealing = {}
        before = sum(len(times) for times, _ in self.buffers.values())
        if before > most:
            share = most / before
            for series, (times, values) in self.buffers.items():
                kept = max(1, int(len(times) * share))
                self.buffers[series] = (times[-kept:], values[-kept:])
        self.samples = sum(len(times) for times, _ in self.buffers.values())
        return before - self.samples

    def parts(self, series: int) -> Iterator[Part]:
        """What is held of a series, older first."""
        for buffers in (self.sealing, self.buffers):
            buffer = buffers.get(series)
            if buffer is not None:
                yield part_of(buffer)


def part_of(buffer: Buffer) -> Part:
    """A buffer in the order of time; of one moment the last one told counts."""
    times, values = buffer
    if all(map(lt, times, times[1:])):
        return Part(times[:], (values[:],))
    newest = dict(zip(times, values, strict=True))
    ordered = sorted(newest)
    return Part(ordered, (array("d", map(newest.__getitem__, ordered)),))
