"""`python -m opstwin.server.mcp.conformance`: serve the profile on loopback until told to stop.

Prints the address to give to the suite. The twin is a new one in a folder that goes away with the process.
"""

import argparse
import asyncio
import socket
import sys
import tempfile
from pathlib import Path
from typing import Final

from opstwin.logs import configure_logs
from opstwin.settings import Settings

HOST: Final = "127.0.0.1"


async def serve(port: int, folder: Path) -> None:
    """Serve until the process is told to stop; port 0 takes a free one."""
    import uvicorn

    from opstwin.server.mcp.conformance.profile import PATH, conformance_app, suite_token
    from opstwin.wiring.hub import open_hub

    with socket.create_server((HOST, port)) as listener:
        settings = Settings(data_dir=folder, detect_docker=False)
        async with open_hub(settings) as hub:
            app = conformance_app(hub.services, await suite_token(hub.services))
            config = uvicorn.Config(  # with the hub's own reader of HTTP, whatever else is installed
                app, log_config=None, access_log=False, lifespan="on", http="h11", timeout_graceful_shutdown=2
            )
            sys.stdout.write(f"http://{HOST}:{listener.getsockname()[1]}{PATH}\n")
            sys.stdout.flush()
            await uvicorn.Server(config).serve(sockets=[listener])


def main() -> None:
    """The command."""
    options = argparse.ArgumentParser(prog="python -m opstwin.server.mcp.conformance", description=__doc__)
    options.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    options.add_argument("--log-level", default="WARN", choices=("DEBUG", "INFO", "WARN", "ERROR"))
    given = options.parse_args()
    configure_logs(given.log_level, "console")
    with tempfile.TemporaryDirectory(prefix="opstwin-conformance-") as folder:
        asyncio.run(serve(given.port, Path(folder)))


if __name__ == "__main__":
    main()
