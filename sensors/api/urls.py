"""The API's addresses under /api/v1/."""

from django.urls import path

from sensors.api import readings_in, reads, tokens

urlpatterns = [
    path("auth/token", tokens.TokenView.as_view(), name="token"),
    path("auth/token/refresh", tokens.TokenRefreshView.as_view(), name="token-refresh"),
    path("machines", reads.MachineListView.as_view(), name="machines"),
    path("machines/<str:machine_id>", reads.MachineView.as_view(), name="api-machine"),
    path("machines/<str:machine_id>/latest", reads.LatestView.as_view(), name="latest"),
    path("machines/<str:machine_id>/status", reads.StatusView.as_view(), name="status"),
    path("sensors/readings", readings_in.ReadingsView.as_view(), name="readings"),
    path("sensors/readings/batch", readings_in.BatchView.as_view(), name="readings-batch"),
]
