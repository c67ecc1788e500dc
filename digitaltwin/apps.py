from django.apps import AppConfig

from digitaltwin.site.metric_files import name_metric_files
from digitaltwin.supervision.lifeline import watch_lifeline


class DigitalTwinConfig(AppConfig):
    name = "digitaltwin"
    verbose_name = "Digital twin"

    def ready(self) -> None:
        watch_lifeline()
        name_metric_files()
