"""MovieLens: one small log written in the true format of every edition must give one and the same data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from penchant.core.errors import DataError
from penchant.data.sources import Loaded, from_movielens
from penchant.data.validation import ValidationSettings

RATINGS = [(196, 3, 3, 881250949), (196, 1, 4, 881250949), (186, 2, 5, 891717742), (186, 3, 2, 891717740)]
FILMS = [
    (1, "Toy Story (1995)", ["Animation", "Children's", "Comedy"]),
    (2, "Amélie: or, Montmartre (2001)", ["Comedy", "Romance"]),
    (3, "unknown", []),
]
GENRES = (
    "unknown|Action|Adventure|Animation|Children's|Comedy|Crime|Documentary|Drama|Fantasy|"
    "Film-Noir|Horror|Musical|Mystery|Romance|Sci-Fi|Thriller|War|Western"
)


def write_100k(folder: Path) -> None:
    (folder / "u.data").write_text("".join("\t".join(map(str, row)) + "\n" for row in RATINGS))
    flags = {n: "|".join(str(int(g in genres or (not genres and g == "unknown"))) for g in GENRES.split("|")) for n, _, genres in FILMS}
    films = "".join(f"{n}|{title}|01-Jan-1995||http://us.imdb.com/M/title-exact?{n}|{flags[n]}\n" for n, title, _ in FILMS)
    (folder / "u.item").write_bytes(films.encode("latin-1"))
    (folder / "u.user").write_text("186|39|F|executive|00000\n196|49|M|writer|55105\n")


def write_recbole(folder: Path) -> None:
    header = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    (folder / "ml.inter").write_text(header + "".join("\t".join(map(str, row)) + "\n" for row in RATINGS))
    films = [
        "1\tToy Story\t1995\tAnimation Children's Comedy",
        "2\tAmélie: or, Montmartre (2001)\tV\tComedy Romance",
        "3\tunkonwn\tunkonwn\tunknown",
    ]
    (folder / "ml.item").write_text("item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n" + "\n".join(films) + "\n")
    (folder / "ml.user").write_text(
        "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n186\t39\tF\texecutive\t00000\n196\t49\tM\twriter\t55105\n"
    )


def write_1m(folder: Path) -> None:
    (folder / "ratings.dat").write_text("".join("::".join(map(str, row)) + "\n" for row in RATINGS))
    films = "".join(f"{n}::{title}::{'|'.join(genres)}\n" for n, title, genres in FILMS)
    (folder / "movies.dat").write_bytes(films.encode("latin-1"))
    (folder / "users.dat").write_text("186::F::39::executive::00000\n196::M::49::writer::55105\n")


def write_10m(folder: Path) -> None:
    write_1m(folder)
    (folder / "movies.dat").write_bytes((folder / "movies.dat").read_bytes().decode("latin-1").encode())
    (folder / "users.dat").unlink()


def write_25m(folder: Path) -> None:
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + "".join(",".join(map(str, row)) + "\n" for row in RATINGS))
    films = "".join(f'{n},"{title}",{"|".join(genres) or "(no genres listed)"}\n' for n, title, genres in FILMS)
    (folder / "movies.csv").write_text("movieId,title,genres\n" + films)
    (folder / "tags.csv").write_text('userId,movieId,tag,timestamp\n186,2,Paris,1\n196,2,paris,2\n196,2,"quirky, sweet",3\n')
    (folder / "links.csv").write_text("movieId,imdbId,tmdbId\n1,0114709,862\n")


EDITIONS: dict[str, Callable[[Path], None]] = {
    "100k": write_100k,
    "recbole": write_recbole,
    "1m": write_1m,
    "10m": write_10m,
    "25m": write_25m,
}


@pytest.fixture(params=EDITIONS, ids=list(EDITIONS))
def edition(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Loaded]:
    EDITIONS[request.param](tmp_path)
    return request.param, from_movielens(tmp_path, "ml")


def test_every_edition_says_the_same(edition: tuple[str, Loaded]) -> None:
    name, loaded = edition
    dataset = loaded.dataset
    assert dataset.users.ids.to_list() == ["186", "196"] and dataset.catalog.items.ids.to_list() == ["1", "2", "3"]
    h = dataset.histories
    assert [h.row(0).tolist(), h.row(1).tolist()] == [[3, 2], [3, 1]]  # equal times keep the order of the file
    assert h.times.tolist() == [891717740, 891717742, 881250949, 881250949] and dataset.events["value"].to_list() == [2.0, 5.0, 3.0, 4.0]
    assert dataset.events["event"].unique().to_list() == ["rating"] and len(loaded.validated.refused) == 0
    table = dataset.catalog.table
    assert table["title"].to_list() == ["Toy Story", "Amélie: or, Montmartre", None] and table["year"].to_list() == [1995, 2001, None]
    assert table["categories"].to_list() == [genres for _, _, genres in FILMS]
    if name in ("100k", "recbole", "1m"):
        assert loaded.users is not None and loaded.users.select("user_id", "age", "gender", "occupation").rows()[0] == (
            "186",
            39,
            "F",
            "executive",
        )
        assert "zip" not in loaded.users.columns
    else:
        assert loaded.users is None


def test_tags_are_kept_apart_from_the_text(tmp_path: Path) -> None:
    write_25m(tmp_path)
    catalog = from_movielens(tmp_path).dataset.catalog
    assert catalog.table["tags"].to_list() == [None, ["paris", "quirky, sweet"], None]
    assert not any("paris" in text for text in catalog.texts())


def test_archive_folder_inside_a_folder(tmp_path: Path) -> None:
    (tmp_path / "ml-1m").mkdir()
    write_1m(tmp_path / "ml-1m")
    assert from_movielens(tmp_path).dataset.histories.num_events == 4


def test_broken_lines_are_refused(tmp_path: Path) -> None:
    write_1m(tmp_path)
    with (tmp_path / "ratings.dat").open("a") as file:
        file.write("186::1::4\n186::99::4::891717743\n")
    loaded = from_movielens(tmp_path, settings=ValidationSettings(max_refused=0.5))
    assert loaded.validated.refused.select("reason", "value").rows() == [
        ("the line cannot be read", "186::1::4"),
        ("no such item in the catalogue", "99"),
    ]


def test_a_folder_without_movielens(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"u\.data, ratings\.dat, ratings\.csv"):
        from_movielens(tmp_path)
    write_100k(tmp_path)
    (tmp_path / "u.item").unlink()
    with pytest.raises(DataError, match=r"u\.item"):
        from_movielens(tmp_path)


@pytest.mark.parametrize(
    ("given", "title", "year"),
    [
        ("Land Before Time III (1995) (V)", "Land Before Time III", 1995),
        ("Fawlty Towers (1975-1979)", "Fawlty Towers", 1975),
        ("Stranger Things", "Stranger Things", None),
        ("Unknown (2011)", "Unknown", 2011),
        ("1-900 (06) (1994)", "1-900 (06)", 1994),
    ],
)
def test_titles_and_years(tmp_path: Path, given: str, title: str, year: int | None) -> None:
    write_25m(tmp_path)
    (tmp_path / "movies.csv").write_text(f'movieId,title,genres\n1,"{given}",A\n2,x,A\n3,y,A\n')
    table = from_movielens(tmp_path).dataset.catalog.table
    assert (table["title"][0], table["year"][0]) == (title, year)
