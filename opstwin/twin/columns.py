"""Column types and the base of all tables of the twin."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final

from sqlalchemy import BigInteger, ColumnElement, DateTime, Dialect, Integer, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import declared_attr, registry
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType
from sqlmodel import Field, SQLModel

from opstwin.twin.codec import as_utc
from opstwin.twin.nested import moment_from


class Moment(TypeDecorator[datetime]):
    """An aware UTC moment: `timestamptz` in PostgreSQL; in SQLite, which has none, ISO 8601 text of fixed width."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = DateTime(timezone=True)
    cache_ok: bool | None = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String(32) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return value.isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return moment_from(value) if dialect.name == "sqlite" else as_utc(value, "moment")


class _AsText(FunctionElement[str]):
    """A JSON column read as the text it is, where the driver would parse it."""

    type: TypeEngine[str] = String()
    inherit_cache: bool | None = True


@compiles(_AsText)
def _plain(element: _AsText, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_AsText, "postgresql")
def _cast(element: _AsText, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS TEXT)"


class Nested(UserDefinedType[str]):
    """JSON text in a column that databases know to be JSON; it is kept letter for letter, so digests hold."""

    cache_ok: bool | None = True

    def get_col_spec(self, **_options: object) -> str:
        return "JSON"

    def column_expression(self, colexpr: ColumnElement[Any]) -> ColumnElement[Any]:
        return _AsText(colexpr)


WHOLE: Final[Any] = BigInteger()
ROW_NUMBER: Final[Any] = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts up only a column declared as INTEGER."""

SORTED_TEXT: Final[Any] = String().with_variant(String(collation="C"), "postgresql")
"""Ordered by code point everywhere, whatever language the PostgreSQL server was set up for."""

Id = Annotated[str, Field(sa_type=SORTED_TEXT, unique=True)]
Big = Annotated[int, Field(sa_type=WHOLE)]
MaybeBig = Annotated[int | None, Field(sa_type=WHOLE)]
At = Annotated[datetime, Field(sa_type=Moment)]
MaybeAt = Annotated[datetime | None, Field(sa_type=Moment)]
Json = Annotated[str, Field(sa_type=Nested)]
MaybeJson = Annotated[str | None, Field(sa_type=Nested)]


class Table(SQLModel, registry=registry()):
    """Base of every table; the twin has a registry of its own, so that nobody else's tables are migrated with it."""

    @declared_attr.directive
    def __tablename__(cls) -> str | Callable[..., str]:  # noqa: N805 - SQLAlchemy calls it with the class
        """`UsageSampleTable` is the table `usage_sample`."""
        words = re.findall("[A-Z][a-z]*", cls.__name__)
        return "_".join(words[:-1]).lower()


class Kept(Table):
    """What every record has: its place of first insertion, its id, and the version that compare-and-set compares."""

    position: int | None = Field(default=None, primary_key=True, sa_type=ROW_NUMBER)
    id: Id
    version: Big
