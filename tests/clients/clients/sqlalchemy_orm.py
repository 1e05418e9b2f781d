"""SQLAlchemy: create_all, reflection, ORM, over psycopg2 and psycopg."""
import datetime
import decimal
import os

from sqlalchemy import (CheckConstraint, Column, Date, ForeignKey, Index, Integer, MetaData, Numeric, String, Table, Text,
                        create_engine, func, inspect, select, text)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, relationship

url = os.environ["SURUS_URL"].replace("postgres://", "")


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "c_author"
    id = mapped_column(Integer, primary_key=True, autoincrement=False)
    name = mapped_column(String(40), nullable=False)
    born = mapped_column(Date)
    books = relationship("Book", back_populates="author", order_by="Book.id")


class Book(Base):
    __tablename__ = "c_book"
    id = mapped_column(Integer, primary_key=True, autoincrement=False)
    author_id = mapped_column(ForeignKey("c_author.id"), nullable=False)
    title = mapped_column(Text)
    price = mapped_column(Numeric(10, 2), CheckConstraint("price >= 0", name="c_book_price"))
    author = relationship(Author, back_populates="books")
    __table_args__ = (Index("c_book_title", "title"),)


for driver in ("psycopg2", "psycopg"):
    engine = create_engine(f"postgresql+{driver}://{url}")
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    inspector = inspect(engine)
    names = inspector.get_table_names()
    assert "c_author" in names and "c_book" in names, names
    columns = {column["name"]: column for column in inspector.get_columns("c_book")}
    assert list(columns) == ["id", "author_id", "title", "price"]
    assert str(columns["price"]["type"]) == "NUMERIC(10, 2)" and columns["price"]["nullable"]
    assert not columns["author_id"]["nullable"]
    assert inspector.get_pk_constraint("c_book")["constrained_columns"] == ["id"]
    keys = inspector.get_foreign_keys("c_book")
    assert keys[0]["referred_table"] == "c_author" and keys[0]["constrained_columns"] == ["author_id"], keys
    assert inspector.get_indexes("c_book")[0]["column_names"] == ["title"]
    assert inspector.get_check_constraints("c_book")[0]["name"] == "c_book_price"
    assert "public" in inspector.get_schema_names()
    reflected = Table("c_book", MetaData(), autoload_with=engine)
    assert [column.name for column in reflected.primary_key] == ["id"]

    with Session(engine) as session:
        author = Author(id=1, name="Livy", born=datetime.date(1959, 1, 1))
        author.books = [Book(id=number, title=f"Book {number}", price=decimal.Decimal("9.50")) for number in range(1, 6)]
        session.add(author)
        session.commit()
        found = session.scalars(select(Book).join(Author).where(Author.name == "Livy").order_by(Book.id)).all()
        assert [book.title for book in found] == [f"Book {number}" for number in range(1, 6)]
        assert session.scalar(select(func.sum(Book.price))) == decimal.Decimal("47.50")
        found[0].title = "Changed"
        session.delete(found[4])
        session.commit()
        assert session.scalars(select(Book.title).order_by(Book.id)).first() == "Changed"
        session.add(Book(id=1, author_id=1))
        try:
            session.commit()
            raise AssertionError("a duplicate key was taken")
        except IntegrityError:
            session.rollback()
        pages = session.execute(select(Book.id, func.row_number().over(order_by=Book.id.desc()))).all()
        assert sorted(pages) == [(1, 4), (2, 3), (3, 2), (4, 1)], pages
    with engine.connect() as connection:
        assert connection.execute(text("select :a || 'b'"), {"a": "a"}).scalar() == "ab"
    Base.metadata.drop_all(engine)
    engine.dispose()
