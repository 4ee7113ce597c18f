"""MovieLens in all its formats: 100K, 1M and 10M, 20M to 32M and latest, and RecBole's atomic files.

Sources: https://files.grouplens.org/datasets/movielens/ and the files' own READMEs. Ratings become ``rating`` events
in file order; times are seconds, and many are equal because people rate in sittings. The year is parted from the title.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from penchant.core.errors import DataError
from penchant.data.sources.loaded import Loaded, loaded
from penchant.data.sources.reading import read_csv, reading
from penchant.data.validation import MALFORMED, ValidationSettings

Tables = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame | None]  # events, items, users

_GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
_RATINGS = ("user_id", "item_id", "value", "timestamp")
_RATING_TYPES = {"user_id": pl.Int64(), "item_id": pl.Int64(), "value": pl.Float32(), "timestamp": pl.Int64()}
_NOT_GENRES = ("", "unknown", "(no genres listed)")
_YEAR = r"^(.*?)\s*\((\d{4})(?:[-–]\d{0,4})?\)(?:\s*\((?:V|TV)\))?\s*$"


def from_movielens(folder: str | Path, name: str | None = None, *, settings: ValidationSettings | None = None) -> Loaded:
    """Read a MovieLens folder as it comes out of its archive, whichever edition it is.

    Args:
        folder: Holds ``u.data`` (100K), ``ratings.dat`` (1M, 10M), ``ratings.csv`` (20M and later, latest), or
            ``<name>.inter`` (RecBole); or holds one folder that does.
        name: For reports; default: the folder's name.
        settings: Of the validation.

    Raises:
        DataError: None of these files is there, one cannot be read, or validation fails.
    """
    folder = Path(folder)
    for pattern, read in _EDITIONS:
        for place in (folder, *sorted(path for path in folder.glob("*") if path.is_dir())):
            found = sorted(place.glob(pattern))
            if found:
                events, items, users = read(found[0])
                events = events.with_columns(event=pl.lit("rating"))
                return loaded(name or folder.resolve().name, events, items, users=users, settings=settings)
    wanted = ", ".join(pattern for pattern, _ in _EDITIONS)
    raise DataError(f"folder={folder}", f"a MovieLens folder holds one of {wanted}", "pass the folder that the archive unpacks to")


def is_movielens(folder: Path) -> bool:
    """Whether ``from_movielens`` would find an edition in this folder itself."""
    return any(any(folder.glob(pattern)) for pattern, _ in _EDITIONS)


def _read_100k(ratings: Path) -> Tables:
    events = read_csv(ratings, delimiter="\t", quote=None, names=_RATINGS, types=_RATING_TYPES)
    fields = ("item_id", "title", "released", "video", "url", *_GENRES_100K)
    films = read_csv(ratings.with_name("u.item"), delimiter="|", quote=None, encoding="latin-1", names=fields)
    genres = pl.concat_list(pl.when(pl.col(genre) == "1").then(pl.lit(genre)) for genre in _GENRES_100K[1:])
    items = films.select("item_id", *_title_and_year(pl.col("title")), genres.list.drop_nulls().alias("categories"))
    people = ratings.with_name("u.user")
    if not people.is_file():
        return events, items, None
    users = read_csv(people, delimiter="|", quote=None, names=("user_id", "age", "gender", "occupation", "zip"))
    return events, items, _people(users)


def _read_recbole(ratings: Path) -> Tables:
    events = _atomic(ratings).rename({"rating": "value"}, strict=False)
    films = _atomic(ratings.with_suffix(".item"))
    year = pl.col("release_year").str.extract(r"^(\d{4})$")
    title = pl.when(year.is_null()).then(pl.col("movie_title")).otherwise(pl.format("{} ({})", pl.col("movie_title"), year))
    items = films.select("item_id", *_title_and_year(title), _genres(pl.col("class").str.split(" ")))
    people = ratings.with_suffix(".user")
    return events, items, _people(_atomic(people)) if people.is_file() else None


def _read_colons(ratings: Path) -> Tables:
    events = _colons(ratings, _RATINGS)
    films = _colons(ratings.with_name("movies.dat"), ("item_id", "title", "genres"))
    items = films.select("item_id", *_title_and_year(pl.col("title")), _genres(pl.col("genres").str.split("|")), MALFORMED)
    people = ratings.with_name("users.dat")
    if not people.is_file():  # 10M tells nothing about people
        return events, items, None
    return events, items, _people(_colons(people, ("user_id", "gender", "age", "occupation", "zip")))


def _read_csv_edition(ratings: Path) -> Tables:
    types = {"userId": pl.Int64(), "movieId": pl.Int64(), "rating": pl.Float32(), "timestamp": pl.Int64()}
    events = read_csv(ratings, delimiter=",", types=types).rename({"userId": "user_id", "movieId": "item_id", "rating": "value"})
    films = read_csv(ratings.with_name("movies.csv"), delimiter=",")
    broken = [MALFORMED] if MALFORMED in films.columns else []
    items = films.select(
        pl.col("movieId").alias("item_id"), *_title_and_year(pl.col("title")), _genres(pl.col("genres").str.split("|")), *broken
    )
    tags = ratings.with_name("tags.csv")
    return events, _with_tags(items, read_csv(tags, delimiter=",")) if tags.is_file() else items, None


_EDITIONS: tuple[tuple[str, Callable[[Path], Tables]], ...] = (
    ("u.data", _read_100k),
    ("ratings.dat", _read_colons),
    ("ratings.csv", _read_csv_edition),
    ("*.inter", _read_recbole),
)


def _with_tags(items: pl.DataFrame, tags: pl.DataFrame) -> pl.DataFrame:
    """Add the extra column ``tags`` (list[str], most used first). They come from all times, so no text uses them."""
    counted = tags.group_by(pl.col("movieId").alias("item_id"), pl.col("tag").str.to_lowercase()).agg(uses=pl.len())
    lists = counted.sort("uses", "tag", descending=[True, False]).group_by("item_id", maintain_order=True).agg(pl.col("tag").alias("tags"))
    return items.join(lists, on="item_id", how="left", maintain_order="left")


def _title_and_year(title: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """From "Toy Story (1995)". A film whose title and year are not known keeps neither (ml-100k has one)."""
    title = title.str.strip_chars()
    year = title.str.extract(_YEAR, 2)
    unknown = year.is_null() & title.str.to_lowercase().is_in(["unknown", "unkonwn"])
    bare = pl.coalesce(title.str.extract(_YEAR, 1), title)
    return pl.when(~unknown).then(bare).alias("title"), year.alias("year")


def _genres(names: pl.Expr) -> pl.Expr:
    return names.list.filter(~pl.element().is_in(_NOT_GENRES)).alias("categories")


def _people(users: pl.DataFrame) -> pl.DataFrame:
    """Without the postal code, which would make people recognisable."""
    return users.select("user_id", pl.col("age").cast(pl.Int32, strict=False), "gender", "occupation")


def _atomic(path: Path) -> pl.DataFrame:
    """RecBole's tab-separated file, whose header says ``name:type``."""
    frame = read_csv(path, delimiter="\t", quote=None)
    return frame.rename(lambda name: name.split(":")[0])


def _colons(path: Path, names: tuple[str, ...]) -> pl.DataFrame:
    """A file whose fields are parted by ``::``, in UTF-8 (10M) or Latin-1 (1M)."""
    with reading(path):
        content = path.read_bytes()
    try:
        content.decode()
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = "latin-1"
    lines = read_csv(path, delimiter="\x1f", quote=None, encoding=encoding, names=("line",))
    fits = pl.col("line").str.count_matches("::", literal=True) == len(names) - 1
    fields = pl.col("line").str.split_exact("::", len(names) - 1).struct.rename_fields(list(names))
    return lines.select(
        pl.when(fits).then(fields).alias("fields"),
        pl.when(~fits).then(pl.col("line")).alias(MALFORMED),
    ).unnest("fields")
