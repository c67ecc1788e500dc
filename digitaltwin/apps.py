from django.apps import AppConfig


class DigitalTwinConfig(AppConfig):
    name = "digitaltwin"
    verbose_name = "Digital twin"
