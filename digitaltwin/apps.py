from django.apps import AppConfig

from digitaltwin.lifeline import watch_lifeline
from digitaltwin.metric_files import name_metric_files


class DigitalTwinConfig(AppConfig):
    name = "digitaltwin"
    verbose_name = "Digital twin"

    def ready(self) -> None:
        watch_lifeline()
        name_metric_files()
