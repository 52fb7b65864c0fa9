"""Where the patches of a latent lie in memory while the fast network works on them.

The plain network keeps latents `[batch, frequency, time, channel]` and cuts them into windows and back around each
attention. The fast one keeps tokens `[token, channel]` in window order, so that attention needs no copy:
`[batch, window along time, window along frequency, row, column]`, with the windows of unshifted blocks (`PLAIN`)
or of shifted ones (`SHIFTED`). One gather takes tokens from one order, or one scale, to the next.

Where fewer rows than a window exist, the missing rows are left out of the tokens: as keys they are all the same, and
`codec.fast` adds them there. Missing columns, and rows of a last window that is partly filled, are carried as
tokens, which attention must see as zeros (`Layout.padding`).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from codec.engine.tiles import cut
from codec.network.swin import shift_mask

PLAIN = False
SHIFTED = True

LAYOUTS_KEPT = 64

TILE_TOKENS = 2048
"""About as many tokens as a core's cache holds with all that a block makes of them."""
UNDIVIDED_PRODUCTS = 10_000_000
"""Fewer multiplications than this are done sooner than a helper is awake."""


@dataclass(frozen=True)
class Grid:
    """The tokens of one latent: `batch` × `freq` × `time` patches in windows of `window` × `window`."""

    batch: int
    freq: int
    time: int
    window: int
    device: str

    @property
    def window_rows(self) -> int:
        """Rows of a window that are tokens."""
        return min(self.freq, self.window)

    @property
    def rows(self) -> int:
        """Rows of all windows together."""
        return -(-self.freq // self.window_rows) * self.window_rows

    @property
    def columns(self) -> int:
        """Columns of all windows together."""
        return -(-self.time // self.window) * self.window

    @property
    def windows(self) -> tuple[int, int, int]:
        """Number of windows: batch, along time, along frequency."""
        return self.batch, self.columns // self.window, self.rows // self.window_rows

    @property
    def column_tokens(self) -> int:
        """Tokens in one column of windows."""
        return self.windows[2] * self.window_rows * self.window

    def cells(self, shifted: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Batch item, row and column that each token holds, in the order that `shifted` names."""
        batch, along_time, along_freq = self.windows
        item, time_window, freq_window, row, column = torch.meshgrid(
            torch.arange(batch),
            torch.arange(along_time),
            torch.arange(along_freq),
            torch.arange(self.window_rows),
            torch.arange(self.window),
            indexing="ij",
        )
        rows = freq_window * self.window_rows + row
        columns = time_window * self.window + column
        if shifted:
            shift = self.window // 2
            columns = (columns + shift) % self.columns
            if self.freq >= self.window:
                rows = (rows + shift) % self.rows
        return item.flatten(), rows.flatten(), columns.flatten()

    def tokens(self, shifted: bool) -> Tensor:
        """Token of each cell, int64 `[batch, rows, columns]`: `cells` turned round."""
        item, rows, columns = self.cells(shifted)
        tokens = torch.empty(self.batch, self.rows, self.columns, dtype=torch.int64)
        tokens[item, rows, columns] = torch.arange(len(item))
        return tokens


@dataclass(frozen=True, slots=True)
class Tile:
    """Some neighbouring columns of windows of a grid, worked on in one go."""

    tokens: slice
    """The tokens of all their windows."""
    columns: int
    """How many columns of windows these are."""
    last_columns: list[int]
    """Which of them end the time of a batch item."""
    padding: Tensor | None
    """Which of the tile's tokens are no patches; None where all are."""


@dataclass(frozen=True)
class Layout:
    """The gathers between orders and scales of one `Grid`, each an index tensor on its device."""

    grid: Grid

    @cached_property
    def to_shifted(self) -> Tensor:
        """PLAIN → SHIFTED."""
        item, rows, columns = self.grid.cells(SHIFTED)
        return self._place(self.grid.tokens(PLAIN)[item, rows, columns])

    @cached_property
    def to_plain(self) -> Tensor:
        """SHIFTED → PLAIN."""
        item, rows, columns = self.grid.cells(PLAIN)
        return self._place(self.grid.tokens(SHIFTED)[item, rows, columns])

    @cached_property
    def from_patches(self) -> Tensor:
        """Patches `[batch · frequency · time]` → PLAIN; tokens without a patch take one that has."""
        item, rows, columns = self._nearest_patches()
        return self._place((item * self.grid.freq + rows) * self.grid.time + columns)

    @cached_property
    def to_frames(self) -> Tensor:
        """PLAIN → patches `[batch · time · frequency]`: the order in which quantizers take them."""
        patches = self.grid.tokens(PLAIN)[:, : self.grid.freq, : self.grid.time]
        return self._place(patches.transpose(1, 2))

    @cached_property
    def from_frames(self) -> Tensor:
        """Patches `[batch · time · frequency]` → PLAIN."""
        item, rows, columns = self._nearest_patches()
        return self._place((item * self.grid.time + columns) * self.grid.freq + rows)

    def to_patches(self, shifted: bool) -> Tensor:
        """Either order → patches `[batch · frequency · time]`."""
        return self._to_patches[shifted]

    def to_pairs(self, shifted: bool) -> Tensor:
        """Either order → PLAIN of the scale with half the rows, two tokens for each one there."""
        return self._to_pairs[shifted]

    def to_halves(self, shifted: bool) -> Tensor:
        """Either order, each token twice → PLAIN of the scale with twice the rows."""
        return self._to_halves[shifted]

    def tiles(self, products: int) -> list[tuple[int, int]]:
        """Tiles as ranges of columns of windows, for work of so many `products` on each token."""
        batch, along_time, _ = self.grid.windows
        columns = batch * along_time
        return tiles_of(columns, self.grid.column_tokens, products, self.grid.device)

    def tile(self, shifted: bool, start: int, stop: int) -> Tile:
        """The tile of the columns from `start` to `stop`, for blocks that are shifted or not."""
        key = shifted, start, stop
        if key not in self._tiles:
            self._tiles[key] = self._tile(*key)
        return self._tiles[key]

    @cached_property
    def _tiles(self) -> dict[tuple[bool, int, int], Tile]:
        return {}

    def _tile(self, shifted: bool, start: int, stop: int) -> Tile:
        grid = self.grid
        _, along_time, _ = grid.windows
        tokens = slice(start * grid.column_tokens, stop * grid.column_tokens)
        _, rows, columns = (cell[tokens] for cell in grid.cells(shifted))
        padding = ((rows >= grid.freq) | (columns >= grid.time)).nonzero()
        lasts = [column - start for column in range(start, stop) if column % along_time == along_time - 1]
        return Tile(tokens, stop - start, lasts, self._place(padding) if len(padding) else None)

    @cached_property
    def _to_patches(self) -> tuple[Tensor, Tensor]:
        freq, time = self.grid.freq, self.grid.time
        plain, shifted = (self._place(self.grid.tokens(order)[:, :freq, :time]) for order in (PLAIN, SHIFTED))
        return plain, shifted

    @cached_property
    def _to_pairs(self) -> tuple[Tensor, Tensor]:
        grid = self.grid
        coarse = Layout(Grid(grid.batch, grid.freq // 2, grid.time, grid.window, grid.device))
        item, rows, columns = coarse._nearest_patches()

        def pair(shifted: bool) -> Tensor:
            tokens = grid.tokens(shifted)
            return self._place(torch.stack([tokens[item, 2 * rows + half, columns] for half in (0, 1)], 1))

        return pair(PLAIN), pair(SHIFTED)

    @cached_property
    def _to_halves(self) -> tuple[Tensor, Tensor]:
        grid = self.grid
        fine = Layout(Grid(grid.batch, grid.freq * 2, grid.time, grid.window, grid.device))
        item, rows, columns = fine._nearest_patches()

        def halve(shifted: bool) -> Tensor:
            return self._place(2 * grid.tokens(shifted)[item, rows // 2, columns] + rows % 2)

        return halve(PLAIN), halve(SHIFTED)

    def _nearest_patches(self) -> tuple[Tensor, Tensor, Tensor]:
        item, rows, columns = self.grid.cells(PLAIN)
        return item, rows.clamp(max=self.grid.freq - 1), columns.clamp(max=self.grid.time - 1)

    def _place(self, index: Tensor) -> Tensor:
        return index.flatten().to(self.grid.device)


def tiles_of(length: int, tokens: int, products: int, device: str) -> list[tuple[int, int]]:
    """Cut `length` items, each of so many `tokens` with so many multiplications, into tiles for the processor's cores.

    They are the same for every number of threads; small work stays in one piece, and on a GPU all work does.
    """
    if device != "cpu" or length * tokens * products <= UNDIVIDED_PRODUCTS:
        return [(0, length)]
    return cut(length, max(1, TILE_TOKENS // tokens))


@lru_cache(maxsize=LAYOUTS_KEPT)
def layout(batch: int, freq: int, time: int, window: int, device: str) -> Layout:
    """The layout of a latent's shape, built once."""
    return Layout(Grid(batch, freq, time, window, device))


def window_positions(freq: int, window: int, shifted: bool) -> list[int]:
    """Where in its window each token stands for the position bias, tokens first, then the missing rows."""
    shift = window // 2 if shifted and freq < window else 0
    return [(row - shift) % window * window + column for row in range(window) for column in range(window)]


def masks(freq: int, window: int) -> tuple[Tensor, Tensor]:
    """What the shift adds to attention, `[window along frequency, patch, patch]`: elsewhere, and at the end of time."""
    both = shift_mask(freq, 2 * window, window)
    by_window = both.view(-1, 2, window * window, window * window)
    return by_window[:, 0], by_window[:, 1]
