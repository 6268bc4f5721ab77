"""The HTTP interface: routes, their description (OpenAPI), and the files of the page."""

from __future__ import annotations

import mimetypes
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, File, HTTPException, UploadFile
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field

from topofuse import __version__
from topofuse.system.workers import WorkerError
from topofuse.web.atlas import Shelf, add_atlas
from topofuse.web.errors import BusyError, UnavailableError
from topofuse.web.examples import EXAMPLES, example_label, example_text
from topofuse.web.queue import Limits, Queue
from topofuse.web.security import Guard
from topofuse.web.service import Service, Upload, levels
from topofuse.web.token import Token

MAX_FILES = 64  # in one request; the page sends more in several

_DESCRIPTION = "Topological class of a crystal from its structure alone. Every file is one row; nothing is kept."


class Level(BaseModel):
    """One level of the task: its label, and the probability of each of its classes."""

    label: str
    probabilities: dict[str, float]


class PredictedRow(BaseModel):
    """One file: the columns of `topofuse predict`, and the three levels."""

    model_config = ConfigDict(extra="allow")

    input: str = Field(description="name of the file")
    status: str = Field(description="ok, metal (an odd number of electrons: gapless) or error")
    reason: str | None = Field(description="for metal and error")
    formula: str | None
    spacegroup: int | None
    label: str | None = Field(description="trivial, hsp_semimetal, hsl_semimetal, ti or tci")
    levels: dict[str, Level] | None = Field(description="two, three and five classes; null without a class")


class PredictAnswer(BaseModel):
    """The answer to `POST /api/predict`."""

    model: str
    columns: list[str] = Field(description="columns of the table, in their order")
    rows: list[PredictedRow] = Field(description="one per file, in the order sent")


class Neighbour(BaseModel):
    """A training material that is near to the crystal."""

    id: str
    formula: str
    label: str = Field(description="its class, as the labels have it")
    link: str | None = Field(description="its page in the Materials Project")
    spacegroup: int | None = Field(description="from the atlas; null where that does not have it")
    n_atoms: int | None = Field(description="in the primitive cell; from the atlas")


class MaterialFound(BaseModel):
    """The answer to `POST /api/material`."""

    model: str
    columns: list[str] = Field(description="columns of the row, in their order")
    row: PredictedRow
    neighbours: list[Neighbour] = Field(description="nearest training materials, the closest first")
    scene: dict[str, Any] | None = Field(description="atoms, bonds, cells and Brillouin zone, as the page draws them")
    bands: dict[str, Any] | None = Field(description="the band sketch, or `none`: why there is none")
    why: dict[str, Any] | None = Field(description="the data of `topofuse explain --json`; null without a class")
    compute: dict[str, Any] | None = Field(
        description="`seconds`: what `POST /api/compute` would take, about; or `none`: why it cannot be done"
    )


class ComputeAnswer(BaseModel):
    """The answer to `POST /api/compute`."""

    id: int


class CalculationState(BaseModel):
    """The answer to `GET /api/compute/{id}`."""

    model_config = ConfigDict(extra="allow")

    state: str = Field(description="running; done; ended: there is no result, `reason` says why")
    elapsed: float | None = Field(None, description="seconds, while it is running")
    reason: str | None = None
    found: dict[str, Any] | None = Field(None, description="class, gap, indicator, bands along the path")


class Health(BaseModel):
    """Whether predictions are answered at once."""

    status: str = Field(description="loading, ready or failed")
    model: str
    version: str
    max_files: int
    time_limit: float = Field(description="seconds that one structure may take")


class ExampleEntry(BaseModel):
    """A compound to try; its structure is at `/api/examples/{formula}`."""

    formula: str
    file: str
    note: str
    label: str | None = Field(description="its class in the textbook data; null where that does not have it")


def create_app(service: Service, limits: Limits | None = None, token: str | None = None) -> Guard:
    """The ASGI application on top of a started service; token: what every request must show, None for nothing."""
    app = FastAPI(
        title="topofuse",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,  # FastAPI's own pages load scripts from elsewhere
        redoc_url=None,
    )
    shelf = Shelf()
    _add_api(app, service, shelf)
    _add_calculations(app, service)
    add_atlas(app, shelf)
    _add_page(app)
    queue = Queue(app, limits)
    return Guard(queue) if token is None else Guard(Token(queue, token), ["*"])


def _add_api(app: FastAPI, service: Service, shelf: Shelf) -> None:
    @app.exception_handler(UnavailableError)
    @app.exception_handler(WorkerError)
    def unavailable(_: object, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 503)

    @app.exception_handler(BusyError)
    def busy(_: object, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 409)

    @app.exception_handler(OSError)
    def no_room(_: object, error: OSError) -> JSONResponse:
        return JSONResponse({"detail": f"the server cannot store the file: {error.strerror}"}, 503)

    @app.get("/api/health")
    async def health() -> Health:
        """Is the model loaded? Answered at once, also while structures are worked on."""
        return Health(
            status=service.state,
            model=service.name,
            version=__version__,
            max_files=MAX_FILES,
            time_limit=service.time_limit,
        )

    @app.get("/api/examples")
    def examples() -> list[ExampleEntry]:
        """Well-known compounds to try."""
        return [
            ExampleEntry(formula=e.formula, file=e.file, note=e.note, label=example_label(e.formula)) for e in EXAMPLES
        ]

    @app.get("/api/examples/{formula}", response_class=PlainTextResponse)
    def example(formula: str) -> str:
        """The structure of an example, as a POSCAR."""
        if formula not in [e.formula for e in EXAMPLES]:
            raise HTTPException(404, "no such example")
        return example_text(formula)

    @app.post("/api/predict")
    def predict(files: Annotated[list[UploadFile], File(description="structure files")]) -> PredictAnswer:
        """Classify structure files; one that cannot be used is a row with a reason, never an error of the request."""
        if len(files) > MAX_FILES:
            raise HTTPException(413, f"at most {MAX_FILES} files in one request, these are {len(files)}")
        columns, rows = service.predict([_upload(file) for file in files])
        predicted = [PredictedRow(**row, levels=levels(row)) for row in rows]
        return PredictAnswer(model=service.name, columns=list(columns), rows=predicted)

    @app.post("/api/material")
    def material(file: Annotated[UploadFile, File(description="a structure file")]) -> MaterialFound:
        """One structure file: its row, picture, bands and explanation, from one reading."""
        parts = service.material(_upload(file))
        row = parts.pop("row")
        parts["neighbours"] = shelf.with_structures(parts["neighbours"])
        return MaterialFound(model=service.name, row=PredictedRow(**row, levels=levels(row)), **parts)


def _add_calculations(app: FastAPI, service: Service) -> None:
    @app.post("/api/compute", status_code=202)
    def compute(file: Annotated[UploadFile, File(description="a structure file")]) -> ComputeAnswer:
        """Begin to calculate a structure from first principles; one at a time. It goes on while it is asked after."""
        return ComputeAnswer(id=service.compute(_upload(file)))

    @app.get("/api/compute/{number}")
    def state(number: int) -> CalculationState:
        """How far a calculation is, and at its end what was found."""
        calculation = service.calculations.state(number)
        if calculation is None:
            raise HTTPException(404, "no such calculation: it was replaced by another")
        return CalculationState(**calculation)

    @app.delete("/api/compute/{number}")
    def cancel(number: int) -> CalculationState:
        """End a calculation."""
        service.calculations.cancel(number)
        return state(number)


def _add_page(app: FastAPI) -> None:
    static = Path(str(files("topofuse.web") / "static"))
    mimetypes.add_type("text/javascript", ".js")  # some systems say text/plain, which browsers then refuse to run

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(static / "index.html")

    app.mount("/static", StaticFiles(directory=static), name="static")


def _upload(file: UploadFile) -> Upload:
    return Upload(file.filename or "structure", file.file.read())
