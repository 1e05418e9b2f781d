"""Django: introspection and the schema editor."""
import os
import urllib.parse

import django
from django.conf import settings

url = urllib.parse.urlparse(os.environ["SURUS_URL"])
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": url.path.lstrip("/"), "USER": url.username,
                           "HOST": url.hostname, "PORT": url.port}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", USE_TZ=True,
)
django.setup()
from django.db import connection, models  # noqa: E402


class Item(models.Model):
    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=40)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)

    class Meta:
        app_label = "clients"
        db_table = "c_django_item"


with connection.cursor() as cursor:
    cursor.execute("drop table if exists c_django_item")
with connection.schema_editor() as editor:
    editor.create_model(Item)
Item.objects.create(id=1, name="one", price="1.50")
Item.objects.bulk_create([Item(id=number, name=f"n{number}") for number in range(2, 12)])
assert Item.objects.filter(name__startswith="n").count() == 10
assert str(Item.objects.get(pk=1).price) == "1.50"
assert Item.objects.aggregate(total=models.Sum("price"))["total"] is not None
Item.objects.filter(pk=2).update(name="two")
assert list(Item.objects.order_by("-id").values_list("name", flat=True)[:1]) == ["n11"]
with connection.cursor() as cursor:
    tables = connection.introspection.table_names(cursor)
    assert "c_django_item" in tables, tables
    columns = connection.introspection.get_table_description(cursor, "c_django_item")
    assert [column.name for column in columns] == ["id", "name", "price"]
    constraints = connection.introspection.get_constraints(cursor, "c_django_item")
    assert any(value["primary_key"] for value in constraints.values()), constraints
with connection.schema_editor() as editor:
    editor.delete_model(Item)
