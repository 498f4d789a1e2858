"""A shop on Django REST framework, with one table behind its three paginations: `python drf_shop.py PORT FILE`.

Django's defaults stay as they are where they may surprise: times have the offset of Chicago, and a refusal asks for the
scheme `Token`.
"""

from __future__ import annotations

import sys
from socketserver import ThreadingMixIn
from types import SimpleNamespace
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="s" * 50,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "drf_spectacular"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[2], "OPTIONS": {"timeout": 60}}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    REST_FRAMEWORK={
        "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
        "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    },
)
django.setup()

from django.db import models
from django.urls import include, path
from django_filters.rest_framework import FilterSet
from drf_spectacular.views import SpectacularAPIView
from rest_framework import authentication, exceptions, pagination, permissions, routers, serializers, viewsets

TOKEN = "drf-integration"


class Order(models.Model):
    title = models.CharField(max_length=50)
    big = models.BigIntegerField()
    note = models.CharField(max_length=50, null=True)
    modified = models.DateTimeField()

    class Meta:
        app_label = "auth"
        db_table = "orders"
        managed = False


class KnownToken(authentication.TokenAuthentication):
    """The framework's authentication, without a table of tokens."""

    def authenticate_credentials(self, key: str) -> tuple[Any, None]:
        if key != TOKEN:
            raise exceptions.AuthenticationFailed
        return SimpleNamespace(is_authenticated=True), None


class Orders(serializers.ModelSerializer):
    class Meta:
        model = Order
        fields = "__all__"


class Since(FilterSet):
    class Meta:
        model = Order
        fields = {"modified": ["gte"]}


class Pages(pagination.PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 100


class Offsets(pagination.LimitOffsetPagination):
    default_limit = 40
    max_limit = 100


class Cursors(pagination.CursorPagination):
    page_size = 60
    ordering = "modified"


class View(viewsets.ReadOnlyModelViewSet):
    """One of the lists. With the header `X-Delete-After: 3`, the oldest row is deleted after every third page."""

    authentication_classes = (KnownToken,)
    permission_classes = (permissions.IsAuthenticated,)
    queryset = Order.objects.order_by("id")
    serializer_class = Orders
    filterset_class = Since
    served = 0

    def list(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().list(request, *args, **kwargs)
        every = int(request.headers.get("X-Delete-After", 0))
        type(self).served += 1
        if every and self.served % every == 0:
            Order.objects.order_by("id").first().delete()
        return response


router = routers.DefaultRouter()
for name, paginator in {"pages": Pages, "offsets": Offsets, "cursors": Cursors}.items():
    router.register(name, type(name, (View,), {"pagination_class": paginator}), basename=name)
document = SpectacularAPIView.as_view(permission_classes=[], authentication_classes=[])
urlpatterns = [path("api/schema/", document), path("api/", include(router.urls))]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 50


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Logs nothing."""


if __name__ == "__main__":
    from django.core.wsgi import get_wsgi_application

    make_server("127.0.0.1", int(sys.argv[1]), get_wsgi_application(), Server, Quiet).serve_forever()
