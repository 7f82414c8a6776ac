"""Studies that are this program's: begun with a mark, known by it, and not written once another has their place."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from optuna.study import StudyDirection
from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, event, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from search.store.attributes import UUID
from search.system.errors import SearchError
from search.system.optuna_internals import tables

# What is known of a connection that has written since it last was asked.
_WROTE: Final = "wrote"


def studies(engine: Engine) -> dict[str, bool]:
    """Return the names of all studies of a storage, and which of them this program has begun."""
    study, mark = tables.StudyModel.__table__.c, tables.StudyUserAttributeModel.__table__.c
    with engine.connect() as connection:
        ours = set(connection.scalars(select(mark.study_id).where(mark.key == UUID)))
        return {name: id_ in ours for id_, name in connection.execute(select(study.study_id, study.study_name))}


def uuid(engine: Engine, study: int) -> str | None:
    """Return what the study with this number is known by; None where there is none, or it is somebody else's."""
    table = tables.StudyUserAttributeModel.__table__
    with engine.connect() as connection:
        text = connection.scalar(select(table.c.value_json).where(_of(study, UUID)))
        return None if text is None else str(json.loads(text))


def begin(engine: Engine, name: str, directions: Sequence[StudyDirection], attributes: Mapping[str, Any]) -> None:
    """Make a study with these attributes, all at once or not at all; nothing where one of that name is there already.

    Optuna makes it first, and gives it attributes afterwards: whoever comes in between takes it for somebody else's.
    """
    study = tables.StudyModel(
        study_name=name,
        directions=[
            tables.StudyDirectionModel(objective=number, direction=one) for number, one in enumerate(directions)
        ],
        user_attributes=[
            tables.StudyUserAttributeModel(key=key, value_json=json.dumps(value)) for key, value in attributes.items()
        ],
    )
    with Session(engine) as session:
        session.add(study)
        try:
            session.commit()
        except IntegrityError:
            session.rollback()


def exchange(engine: Engine, study: int, attribute: str, before: object | None, after: object) -> bool:
    """Give an attribute of a study another value, and return whether it had the one `before` till then; None: none."""
    table, known = tables.StudyUserAttributeModel.__table__, _of(study, attribute)
    with engine.begin() as connection:
        if before is not None:
            change = update(table).where(known & (table.c.value_json == json.dumps(before)))
            return connection.execute(change.values(value_json=json.dumps(after))).rowcount == 1
        try:
            connection.execute(insert(table).values(study_id=study, key=attribute, value_json=json.dumps(after)))
        except IntegrityError:
            connection.rollback()
            return False
    return True


def forget(engine: Engine, study: int, attribute: str, value: object, with_it: str) -> None:
    """Remove an attribute of a study where it has this value, and another one with it.

    A database that is busy is hardly waited for.
    """
    table = tables.StudyUserAttributeModel.__table__
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA busy_timeout = 1000")
        known = _of(study, attribute) & (table.c.value_json == json.dumps(value))
        if connection.execute(delete(table).where(known)).rowcount:
            connection.execute(delete(table).where(_of(study, with_it)))


def _of(study: int, attribute: str) -> ColumnElement[bool]:
    table = tables.StudyUserAttributeModel.__table__.c
    return and_(table.study_id == study, table.key == attribute)


class Guard:
    """Takes back what is written to a storage, before anybody sees it, once a study is not what it was.

    SQLite gives the number of a study that was deleted to the next one, and those of its trials: whoever goes on by
    number writes into what is somebody else's.
    """

    def __init__(self, engine: Engine) -> None:
        self._wanted: dict[int, dict[str, tuple[str, str]]] = {}
        event.listen(engine, "after_cursor_execute", self._note)
        event.listen(engine, "rollback", self._forget)
        event.listen(engine, "commit", self._check)

    def require(self, study: int, attribute: str, value: object, refusal: str) -> None:
        """Let nothing be written any more once this attribute of a study has another value: `refusal` says why."""
        self._wanted.setdefault(study, {})[attribute] = json.dumps(value), refusal

    def lift(self, study: int, attribute: str) -> None:
        """Require nothing of an attribute any more."""
        self._wanted.get(study, {}).pop(attribute, None)

    def _note(self, connection: Connection, *of_statement: Any) -> None:
        context = of_statement[3]
        if self._wanted and (context.isinsert or context.isupdate or context.isdelete):
            connection.info[_WROTE] = True

    def _forget(self, connection: Connection) -> None:
        connection.info.pop(_WROTE, None)

    def _check(self, connection: Connection) -> None:
        if connection.info.pop(_WROTE, False):
            for study, wanted in self._wanted.items():
                self._check_study(connection, study, wanted)

    @staticmethod
    def _check_study(connection: Connection, number: int, wanted: Mapping[str, tuple[str, str]]) -> None:
        study, attribute = tables.StudyModel.__table__, tables.StudyUserAttributeModel.__table__
        known = (attribute.c.study_id == study.c.study_id) & attribute.c.key.in_(wanted)
        query = select(attribute.c.key, attribute.c.value_json).select_from(study.outerjoin(attribute, known))
        found = [(row[0], row[1]) for row in connection.execute(query.where(study.c.study_id == number))]
        there: dict[str, str] = dict(found)
        # Of one that is not there at all, Optuna says so.
        if found and (lost := [why for key, (text, why) in wanted.items() if there.get(key) != text]):
            raise SearchError(lost[0])
