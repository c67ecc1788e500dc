"""URLs of the pages, included at the root."""

from django.urls import path

from realtime.pages import views

urlpatterns = [
    path("", views.plant, name="plant"),
    path("sparks", views.sparks, name="sparks"),
    path("release", views.served_release, name="release"),
    path("theme", views.theme, name="theme"),
    path("style/", views.style, name="style"),
    path("machines/<str:machine_id>/", views.machine, name="machine"),
    path("machines/<str:machine_id>/summary", views.summary, name="summary"),
]
