"""The HTTP application: TF Serving's REST paths around one model, and a page for people."""

import functools
import json
import os
import pathlib
import re

import anyio
import tensorflow as tf
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from bert_tf.server.rest import RequestError, body_of, signature_name, tensors_of
from bert_tf.server.served_function import ServedFunction
from bert_tf.server.served_model import ServedModel


def make_app(model: ServedModel | ServedFunction, max_request_bytes: int) -> Starlette:
    """The application for `model`.

    - `GET /` is the page,
    - `GET /v1/models/NAME[/versions/N]` the status, `.../metadata` the signatures,
    - `POST /v1/models/NAME[/versions/N]:predict` answers.

    Errors are `{"error": text}`: 400 for a request that cannot be answered, 404 for an unknown model or path, 405, 413
    for one of more than `max_request_bytes`.
    """
    # More requests at a time than cores only compete; the others wait.
    at_a_time = anyio.CapacityLimiter(os.cpu_count() or 1)

    async def page(request: Request) -> Response:
        return HTMLResponse(_page(), headers={"Content-Security-Policy": _ONLY_FROM_HERE})

    async def status(request: Request) -> Response:
        _check_address(request, model)
        return JSONResponse({"model_version_status": [{
            "version": str(model.version), "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}]})

    async def metadata(request: Request) -> Response:
        _check_address(request, model)
        return JSONResponse({
            "model_spec": {"name": model.name, "signature_name": "", "version": str(model.version)},
            "metadata": {"signature_def": {"signature_def": model.definitions()}}})

    async def models(request: Request) -> Response:
        return JSONResponse({"models": [model.name]})

    async def predict(request: Request) -> Response:
        _check_address(request, model)
        body = await _body(request, max_request_bytes)
        async with at_a_time:
            return Response(await run_in_threadpool(_answer, model, body), media_type="application/json")

    addresses = ("/v1/models/{name}", "/v1/models/{name}/versions/{version:int}")
    routes = [Route("/", page), Route("/v1/models", models)]
    for address in addresses:
        routes += [Route(address + ":predict", predict, methods=["POST"]), Route(address + ":predict", _only_post),
                   Route(address + "/metadata", metadata), Route(address, status)]
    return Starlette(routes=routes, exception_handlers={HTTPException: _error, RequestError: _bad_request,
                                                        ClientDisconnect: _gone, Exception: _failure})


_REASON = re.compile(r"assertion failed|\w*indices")
_ONLY_FROM_HERE = "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"


def _answer(model: ServedModel | ServedFunction, body: bytes) -> bytes:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, too
        raise RequestError(f"Expected JSON. Received: {error}.") from None
    name = signature_name(request, model.signatures)
    tensors, by_rows = tensors_of(request, model.signatures[name])
    try:
        outputs = model.answer(tensors, name)
    except tf.errors.InvalidArgumentError as error:
        # Such as ids beyond the vocabulary. Around the reason stand only the names of operations.
        reason = next((line for line in error.message.splitlines() if _REASON.match(line)), "invalid values")
        raise RequestError(f"The model refuses the inputs: {reason}.") from None
    return json.dumps(body_of(outputs, by_rows), ensure_ascii=False).encode()


async def _body(request: Request, limit: int) -> bytes:
    """The whole body; what is too long is refused before it is read."""
    too_long = HTTPException(413, f"Expected at most {limit} bytes.")
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise too_long
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_long
    return bytes(body)


def _check_address(request: Request, model: ServedModel | ServedFunction) -> None:
    name, version = request.path_params["name"], request.path_params.get("version", model.version)
    if (name, version) != (model.name, model.version):
        raise HTTPException(404, f"Expected the model {model.name}, version {model.version}. "
                                 f"Received: {name}, version {version}.")


async def _only_post(request: Request) -> Response:
    raise HTTPException(405, "Expected a POST request.", headers={"Allow": "POST"})


async def _error(request: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _bad_request(request: Request, error: RequestError) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _gone(request: Request, error: ClientDisconnect) -> Response:
    return Response(status_code=400)  # nobody reads it; without an answer it would be a failure in the log


async def _failure(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"The model failed: {type(error).__name__}."}, 500)


@functools.cache
def _page() -> str:
    return (pathlib.Path(__file__).parent / "page.html").read_text(encoding="utf-8")
