"""Keras' own callbacks, each as with a plain `keras.Model`."""

import csv
import http.server
import importlib.util
import json
import threading
import urllib.parse

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checks import dtype_policy, images, least_cyclegan, least_pix2pix, state
from tfi2i.models import Adam

PAIR = images(4, 16, 16, 3), images(4, 16, 16, 3, seed=1)


def _fit(model, *callbacks, epochs=1, **options):
    options = {"batch_size": 2, "shuffle": False, "verbose": 0, **options}
    return model.fit(*PAIR, epochs=epochs, callbacks=list(callbacks), **options)


def _compiled(make=least_pix2pix, **options):
    model = make()
    model.compile(**options)
    return model


def _rates(model):
    players = model.generator_optimizer, model.discriminator_optimizer
    return [float(optimizer.learning_rate) for optimizer in players]


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_learning_rate_scheduler_sets_both_rates(precision):
    with dtype_policy(precision):
        model = _compiled(
            generator_optimizer=Adam(0.01, name="g"),
            discriminator_optimizer=Adam(0.02, name="d"),
        )
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    history = _fit(model, halve, epochs=2).history
    assert _rates(model) == pytest.approx([0.0025, 0.005])
    assert history["learning_rate_g"] == pytest.approx([0.005, 0.0025])
    assert history["learning_rate_d"] == pytest.approx([0.01, 0.005])


@pytest.mark.slow
def test_reduce_lr_on_plateau_reduces_both_rates():
    model = _compiled(least_cyclegan)
    callback = keras.callbacks.ReduceLROnPlateau(
        monitor="val_cycle_a", patience=0, min_delta=1e6, factor=0.1
    )
    _fit(model, callback, epochs=2, validation_data=PAIR)
    assert _rates(model) == pytest.approx([2e-5, 2e-5])


@pytest.mark.parametrize(
    "callback",
    [
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
        keras.callbacks.ReduceLROnPlateau("g_l1", patience=0, min_delta=1e6),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_a_schedule_is_not_overridden(callback):
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 10)
    model = _compiled(generator_optimizer=Adam(schedule))
    with pytest.raises(TypeError, match="was created with a `LearningRateSchedule`"):
        _fit(model, callback, epochs=2)


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_swap_ema_weights_evaluates_with_running_means(swap_on_epoch):
    optimizer = Adam(0.01, use_ema=True, ema_momentum=0.5)
    model = _compiled(generator_optimizer=optimizer)
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch)
    history = _fit(model, swap, epochs=2, validation_data=PAIR).history
    with_means = model.evaluate(*PAIR, verbose=0, return_dict=True)
    if not swap_on_epoch:
        # The weights are back, as trained.
        assert with_means["g_l1"] != pytest.approx(history["val_g_l1"][-1], rel=1e-4)
        with model.averaged():
            with_means = model.evaluate(*PAIR, verbose=0, return_dict=True)
    assert with_means["g_l1"] == pytest.approx(history["val_g_l1"][-1], rel=1e-4)


def test_swap_ema_weights_needs_running_means():
    with pytest.raises(ValueError, match="`use_ema=True`"):
        _fit(_compiled(), keras.callbacks.SwapEMAWeights(), validation_data=PAIR)


@pytest.mark.parametrize(
    ("make", "value"), [(least_pix2pix, np.nan), (least_cyclegan, np.inf)]
)
def test_terminate_on_nan_ends_training(make, value):
    real_a = PAIR[0].copy()
    real_a[1] = value
    model = _compiled(make)
    callback = keras.callbacks.TerminateOnNaN()
    options = {"batch_size": 2, "shuffle": False, "verbose": 0, "epochs": 3}
    history = model.fit(real_a, PAIR[1], callbacks=[callback], **options)
    assert len(history.epoch) == 1
    assert model.stop_training
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 0"):
        callback = keras.callbacks.TerminateOnNaN(raise_error=True)
        model.fit(real_a, PAIR[1], callbacks=callback, **options)


@pytest.mark.slow
def test_terminate_on_nan_leaves_finite_losses_alone():
    history = _fit(_compiled(), keras.callbacks.TerminateOnNaN(), epochs=2)
    assert len(history.epoch) == 2


def test_early_stopping_knows_that_distances_should_fall():
    # The second epoch is no improvement by 1e6, so the first stays the best.
    model = _compiled()
    before = [weight.numpy() for weight in model.weights]
    stop = keras.callbacks.EarlyStopping(
        "val_g_l1", min_delta=1e6, restore_best_weights=True
    )
    frozen = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: before.append(model.get_weights())
    )
    history = _fit(model, frozen, stop, epochs=5, validation_data=PAIR)
    assert len(history.epoch) == 2
    for weight, best in zip(model.get_weights(), before[-2], strict=True):
        np.testing.assert_array_equal(weight, best)


def test_early_stopping_needs_mode_for_adversarial_losses():
    with pytest.raises(ValueError, match="Pass `mode='max'`"):
        _fit(_compiled(), keras.callbacks.EarlyStopping("g_gan"), epochs=2)
    stop = keras.callbacks.EarlyStopping("g_gan", min_delta=1e6, mode="min")
    assert len(_fit(_compiled(), stop, epochs=5).epoch) == 2


def test_model_checkpoint_keeps_the_best(tmp_path):
    model = _compiled(generator_optimizer=Adam(0.01))
    every = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.keras", "val_g_l1", mode="min", save_best_only=True
    )
    weights = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.weights.h5",
        "val_g_l1",
        mode="min",
        save_best_only=True,
        save_weights_only=True,
    )
    history = _fit(model, every, best, weights, epochs=3, validation_data=PAIR).history
    epoch = 1 + int(np.argmin(history["val_g_l1"]))
    expected = keras.models.load_model(tmp_path / f"{epoch}.keras")
    found = keras.models.load_model(tmp_path / "best.keras")
    for a, b in zip(state(expected), state(found), strict=True):
        np.testing.assert_array_equal(a, b)
    model.load_weights(tmp_path / "best.weights.h5")
    for a, b in zip(state(expected), state(model), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_backup_and_restore_goes_on_where_it_stopped(tmp_path):
    class Crash(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise InterruptedError

    whole = _compiled(lambda: least_pix2pix(dropout=0.5))
    _fit(whole, epochs=4)
    stopped, resumed = (_compiled(lambda: least_pix2pix(dropout=0.5)) for _ in range(2))
    with pytest.raises(InterruptedError):
        _fit(
            stopped, keras.callbacks.BackupAndRestore(tmp_path / "b"), Crash(), epochs=4
        )
    backup = keras.callbacks.BackupAndRestore(tmp_path / "b")
    history = _fit(resumed, backup, epochs=4)
    assert history.epoch == [2, 3]
    for a, b in zip(state(whole), state(resumed), strict=True):
        np.testing.assert_array_equal(a, b)


def test_csv_logger_writes_every_loss(tmp_path):
    model = _compiled()
    history = _fit(
        model, keras.callbacks.CSVLogger(tmp_path / "log.csv"), epochs=2
    ).history
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name, values in history.items():
        assert [float(row[name]) for row in rows] == pytest.approx(values)


def test_history_and_lambda_callback_see_the_epochs_means():
    seen, steps = [], []
    callback = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(logs),
        on_train_batch_end=lambda batch, logs: steps.append(logs),
    )
    history = _fit(_compiled(), callback).history
    assert {name: [value] for name, value in seen[0].items()} == history
    for name, (mean,) in history.items():
        assert np.mean([logs[name] for logs in steps]) == pytest.approx(mean, rel=1e-5)


def test_progbar_logger_shows_every_loss(capsys):
    history = _fit(_compiled(), verbose=2).history
    shown = capsys.readouterr().out
    assert all(name in shown for name in history)


def test_remote_monitor_sends_the_losses():
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append(json.loads(urllib.parse.parse_qs(body)["data"][0]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_port}"
        history = _fit(_compiled(), keras.callbacks.RemoteMonitor(root)).history
        server.shutdown()
    assert received[0]["g_l1"] == pytest.approx(history["g_l1"][0])


def test_tensorboard_writes_losses_rates_and_weights(tmp_path):
    model = _compiled(
        generator_optimizer=Adam(0.01, name="g"),
        discriminator_optimizer=Adam(0.02, name="d"),
    )
    board = keras.callbacks.TensorBoard(
        tmp_path,
        histogram_freq=1,
        write_images=True,
        write_steps_per_second=True,
        update_freq="batch",
    )
    _fit(model, board, validation_data=PAIR)
    tags = set()
    for file in tmp_path.rglob("events*"):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            tags |= {value.tag for value in event.summary.value}
    assert {
        "epoch_g_l1",
        "batch_g_l1",
        "epoch_learning_rate_g",
        "epoch_learning_rate_d",
        "epoch_steps_per_second",
        "evaluation_g_l1_vs_iterations",
    } <= tags
    assert any(tag.endswith("kernel/histogram") for tag in tags)


@pytest.mark.skipif(
    importlib.util.find_spec("orbax") is not None, reason="orbax-checkpoint is there"
)
def test_orbax_checkpoint_names_its_package(tmp_path):
    # As without a model: it is no dependency of ours.
    with pytest.raises(ImportError, match="requires the 'orbax-checkpoint' package"):
        keras.callbacks.OrbaxCheckpoint(tmp_path)


def test_callback_list_is_left_as_it_was():
    model = _compiled()
    terminate = keras.callbacks.TerminateOnNaN()
    given = keras.callbacks.CallbackList([terminate], add_history=True, model=model)
    before = list(given.callbacks)
    model.fit(*PAIR, callbacks=given, verbose=0)
    assert given.callbacks == before


def test_model_optimizer_holds_both():
    model = _compiled()
    players = [model.generator_optimizer, model.discriminator_optimizer]
    assert model.optimizer.optimizers == players
    assert model.optimizer.variables == [v for p in players for v in p.variables]
    _fit(model)
    assert model.optimizer.iterations.numpy() == 2
    with pytest.raises(AttributeError, match="generator_optimizer"):
        _ = model.optimizer.learning_rate
