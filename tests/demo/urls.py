"""The console's addresses with those of the demo, which only a demo has."""

from django.urls import include, path

from console.urls import urlpatterns as console_urls

urlpatterns = [*console_urls, path("demo/", include("console.demo.urls"))]
