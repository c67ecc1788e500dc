"""The API's addresses under /api/v1/."""

from django.urls import path

from sensors.api import tokens, views
from sensors.gateways.http.views import BatchView

urlpatterns = [
    path("auth/token", tokens.TokenView.as_view(), name="token"),
    path("auth/token/refresh", tokens.TokenRefreshView.as_view(), name="token-refresh"),
    path("machines", views.MachineListView.as_view(), name="machines"),
    path("machines/<str:machine_id>", views.MachineView.as_view(), name="api-machine"),
    path("machines/<str:machine_id>/latest", views.LatestView.as_view(), name="latest"),
    path("machines/<str:machine_id>/status", views.StatusView.as_view(), name="status"),
    path("sensors/readings", views.ReadingsView.as_view(), name="readings"),
    path("sensors/readings/batch", BatchView.as_view(), name="readings-batch"),
]
