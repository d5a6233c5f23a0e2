from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "console.web"

    def ready(self) -> None:
        from console.live.rows import draw_with
        from console.web.board.differences import Board

        draw_with(Board())
