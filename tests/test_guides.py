"""What people type by mistake or out of habit, and the words that must come: who, what must hold, what was meant."""

import copy
import pickle
import re

import numpy as np
import pytest

from layers import (
    LSTM,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GradientError,
    Layer,
    MaxPool2D,
    ReLU,
    Sequential,
    Softmax,
    Tanh,
    check_gradients,
)
from losses import Hinge, MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from optimizers import SGD, Adam, Constant, CosineDecay, Joined
from training import (
    Callback,
    Checkpoint,
    Diagnostics,
    EarlyStopping,
    History,
    Standardizer,
    accuracy,
    batches,
    confusion_matrix,
    evaluate,
    f1,
    fit,
    layer_outputs,
    learning_rate_range_test,
    load,
    mean_absolute_error,
    one_hot,
    overfit_one_batch,
    plot_confusion_matrix,
    plot_histories,
    plot_schedule,
    precision,
    save,
    standardize,
    top_k,
    train_test_split,
)

X = np.random.default_rng(0).normal(size=(40, 6))
Y = np.arange(40) % 3
IMAGES = np.random.default_rng(1).normal(size=(40, 8, 8, 1))


class Forgetful(Layer):
    """Forgets to return."""

    def forward(self, x):
        self._cache = x

    def backward(self, dout):
        return dout


def network(*layers):
    return Sequential([*layers], rng=0) if layers else Sequential([Dense(6, 8), ReLU(), Dense(8, 3)], rng=0)


def train(model=None, loss=None, optimizer=None, x=X, y=Y, **options):
    parts = model or network(), loss or SoftmaxCrossEntropy(), optimizer or Adam()
    return fit(*parts, x, y, **{"epochs": 1, "rng": 0, "verbose": False, **options})


class NoReturn(Layer):
    def forward(self, x):
        self._cache = x

    def backward(self, dout):
        return self._recall()


class NoReturnBack(Layer):
    def forward(self, x):
        self._cache = x
        return x

    def backward(self, dout):
        self._recall()


class Cut(Layer):
    def forward(self, x):
        return x @ np.ones((5, 5))


class Wide(NoReturnBack):
    def backward(self, dout):
        return np.hstack([dout, dout])


class Typo(Callback):
    def on_epoch_ends(self, run):
        pass


class LikeKeras(Callback):
    def on_epoch_end(self, epoch, logs=None):
        pass


class EndsByTrue:
    def on_epoch_end(self, run):
        return True


class Yields(Callback):
    def on_batch_end(self, run):
        yield run


class FromAfar:
    """What an optimizer of another library looks like."""

    param_groups = ()

    def step(self, closure=None):
        pass


def spoiled(row, x=X):
    x = x.copy()
    x[row, 2] = np.nan
    return x


def loaded_into_another(folder):
    save(folder / "relu.npz", network())
    load(folder / "relu.npz", network(Dense(6, 8), Dropout(0.1), Dense(8, 3)))


SECTION_6 = {
    "one image": (lambda: Conv2D(1, 4, 3).forward(IMAGES[0]), ValueError, "a batch of one image: x[np.newaxis]"),
    "one image to a pool": (lambda: MaxPool2D(2).forward(IMAGES[0]), ValueError, "a batch of one: x[np.newaxis]"),
    "images without channels": (lambda: Conv2D(1, 4, 3).forward(IMAGES[..., 0]), ValueError, "x[..., np.newaxis]"),
    "stratify=y": (
        lambda: train_test_split(X, Y, stratify=Y),
        TypeError,
        "train_test_split: stratify must be True or False, got array(",
    ),
    "lr": (
        lambda: Adam(lr=0.01),
        TypeError,
        "Adam() got an unexpected keyword argument 'lr': did you mean learning_rate?",
    ),
    "the class of a schedule": (
        lambda: Adam(CosineDecay),
        TypeError,
        "Adam: learning_rate must be an object, got the class CosineDecay: write CosineDecay(...)",
    ),
    "validation as a list": (
        lambda: train(validation=[X, Y]),
        TypeError,
        "fit: validation must be a tuple, got a list of 2 arrays: write (x, y)",
    ),
    "validation as a share": (
        lambda: train(validation=0.2),
        TypeError,
        "fit: validation must be (x, y) or an iterable of batches, got 0.2: train_test_split(x, y, 0.2)",
    ),
    "a generator with y": (
        lambda: train(x=(row for row in X)),
        TypeError,
        "fit: x must be an array with a row for each example, got a generator",
    ),
    "a dict as x": (lambda: train(x={"x": X}), TypeError, "Dense(6, 8), layer 0: x must hold real numbers, got dict"),
    "early stopping without validation": (
        lambda: train(callbacks=[EarlyStopping()]),
        ValueError,
        'give validation=(x, y), or watch another number, such as monitor="loss"',
    ),
    "val_loss": (
        lambda: train(callbacks=[EarlyStopping("val_loss")], validation=(X, Y)),
        ValueError,
        "got 'val_loss': did you mean validation_loss?",
    ),
    "a metric without return": (
        lambda: train(metrics={"mine": lambda predictions, y: None}),
        TypeError,
        "metric mine must return a number, got None",
    ),
    "accuracy(y, scores)": (
        lambda: accuracy(Y, network().predict(X)),
        ValueError,
        "accuracy: y must have shape (40,) for predictions (40,), got (40, 3); predictions come first, then",
    ),
    "save(model, path)": (
        lambda: save(network(), "m.npz"),
        TypeError,
        "save: path must be a path, got Sequential; the path comes first, then the model",
    ),
    "a schedule as initializer": (
        lambda: Dense(2, 3, initializer=Constant(1.0)),
        TypeError,
        "(rng, shape) -> array, such as normal(0.1) or constant(1.0), got Constant(1)",
    ),
    "np.random.normal as initializer": (
        lambda: Dense(2, 3, initializer=np.random.normal),
        TypeError,
        "such as normal(0.1) or constant(1.0), got normal",
    ),
    "a layer as initializer": (
        lambda: Dense(2, 3, initializer=ReLU()),
        TypeError,
        "Dense: initializer must be a callable (rng, shape) -> array, got ReLU()",
    ),
    "Conv2D(32, 3)": (
        lambda: Conv2D(32, 3),
        TypeError,
        "Conv2D() missing 1 required positional argument: 'kernel_size'",
    ),
    "Flatten(2)": (lambda: Flatten(2), TypeError, "Flatten() takes 1 positional argument but 2 were given"),
    "a forgotten Flatten": (
        lambda: train(network(Conv2D(1, 4, 3), ReLU(), Dense(144, 3)), x=IMAGES),
        ValueError,
        "Dense(144, 3), layer 2: x must have shape (N, 144), got (32, 6, 6, 4); 6 * 6 * 4 = 144: Flatten() before it",
    ),
    "a forgotten Flatten that fits": (
        lambda: train(network(Conv2D(1, 4, 3), ReLU(), Dense(4, 3)), x=IMAGES),
        ValueError,
        "predictions must have shape (32, C) for y (32,), one class an example, got (32, 6, 6, 3): Flatten() before",
    ),
    "negative weights": (
        lambda: train(sample_weights=np.where(np.arange(40) == 7, -1.0, 1.0)),
        ValueError,
        "fit: sample_weights must be finite, not negative and not all zero, got -1.0 at [7]",
    ),
    "ragged rows": (
        lambda: train(x=[[1.0, 2.0], [3.0]], y=[0, 1]),
        ValueError,
        "fit: x must have rows of equal length, got a list of unequal ones",
    ),
    "rng as a word": (lambda: train(rng="seed"), TypeError, "fit: rng must be a seed"),
    "rng below 0": (lambda: Dense(2, 3, rng=-1), ValueError, "Dense(2, 3): rng must be a seed, a whole number >= 0"),
    "an optimizer of another library": (
        lambda: train(optimizer=FromAfar()),
        TypeError,
        "fit: optimizer must be an optimizer of handgrad, such as Adam(), got ",
    ),
    "an unknown hook": (
        lambda: train(callbacks=[Typo()]),
        TypeError,
        "fit: callback Typo: there is no hook on_epoch_ends: did you mean on_epoch_end?",
    ),
    "the hook of Keras": (
        lambda: train(callbacks=[LikeKeras()]),
        TypeError,
        "fit: callback LikeKeras: on_epoch_end must take one argument, the run, got (epoch, logs)",
    ),
    "model(x)": (lambda: network()(X), TypeError, "a layer is not called: forward is the training pass, predict the"),
    "model.fit": (lambda: network().fit(X, Y), AttributeError, "no attribute 'fit': fit(model, loss, optimizer, x, y,"),
    "model.train()": (lambda: network().train(), AttributeError, "forward is the training pass, predict the inference"),
    "model.eval()": (lambda: network().eval(), AttributeError, "forward is the training pass, predict the inference"),
    "model.compile": (lambda: network().compile(), AttributeError, "there is nothing to compile"),
}


def check(call, error, text):
    with pytest.raises(error, match=re.escape(text)):
        call()


@pytest.mark.parametrize(("call", "error", "text"), SECTION_6.values(), ids=SECTION_6)
def test_what_is_typed_by_mistake_is_answered_with_what_was_meant(call, error, text):
    check(call, error, text)


def test_weights_of_another_kind_of_layer_are_refused_by_their_kinds(tmp_path):
    check(lambda: loaded_into_another(tmp_path), ValueError, "layer 1 must be Dropout(), got ReLU()")


def test_a_softmax_in_front_of_a_loss_that_has_one_is_warned_of_at_once():
    with pytest.warns(UserWarning, match=r"fit: softmax is applied twice: .* leave out the Softmax\(\)"):
        train(network(Dense(6, 3), Softmax()))


def test_probabilities_are_seen_where_no_name_tells_of_a_softmax():
    class Mine(Layer):
        def forward(self, x):
            e = np.exp(x)
            self._cache = out = e / e.sum(axis=1, keepdims=True)
            return out

        def backward(self, dout):
            out = self._recall()
            return out * (dout - (dout * out).sum(axis=1, keepdims=True))

    with pytest.warns(UserWarning, match="softmax is applied twice: .* the rows it is given sum to 1 already"):
        train(network(Dense(6, 3), Mine()))


@pytest.mark.parametrize(
    ("x", "advice"),
    [
        ((X * 30 + 100).clip(0, 255), "x is large, up to [0-9.]+: divide it by 255"),
        (X * 1e4, "x is large, up to .*: standardize it"),
    ],
)
def test_large_inputs_are_named_as_the_cause_of_a_large_loss(x, advice):
    diagnostics = Diagnostics(verbose=False)
    train(x=x, callbacks=[diagnostics])
    assert re.search(advice, diagnostics.warnings[0])


OTHERS = {
    "B5, pandas with bools": (
        lambda: network(Dense(2, 1)).predict(np.array([[20.0, True], [30.0, False]], object)),
        TypeError,
        "x must hold real numbers, got dtype object; if all of it are numbers, x.astype(float)",
    ),
    "B6, NaN in x in epoch 0": (
        lambda: train(x=spoiled(35)),
        ValueError,
        "fit: x must be finite, but is not in epoch 0, batch 1, row 3",
    ),
    "B6, NaN in x of the validation": (
        lambda: train(validation=(spoiled(35), Y)),
        ValueError,
        "fit: x must be finite, but is not in epoch 0, batch 1 of the validation data, row 3",
    ),
    "NaN in y": (
        lambda: train(network(Dense(6, 6)), MeanSquaredError(), y=spoiled(5)),
        ValueError,
        "fit: y must be finite, but is not in epoch 0, batch 0, row 5",
    ),
    "NaN in x of evaluate": (
        lambda: evaluate(network(), SoftmaxCrossEntropy(), spoiled(35), Y, batch_size=30),
        ValueError,
        "evaluate: x must be finite, but is not in batch 1, row 5",
    ),
    "labels that do not fit in a later batch of the validation": (
        lambda: train(validation=(X, np.where(np.arange(40) == 39, 3, Y))),
        ValueError,
        "fit: in epoch 0, batch 1 of the validation data: SoftmaxCrossEntropy(): y must hold classes 0 .. 2",
    ),
    "B8, y (N,) against (N, 1)": (
        lambda: train(network(Dense(6, 1)), MeanSquaredError(), y=X[:, 0]),
        ValueError,
        "y_hat and y must have the same shape, got (32, 1) and (32,): y[:, np.newaxis]",
    ),
    "y (N, 1) of classes": (lambda: train(y=Y[:, np.newaxis]), ValueError, "got (32, 1): y[..., 0]"),
    "classes as floats": (lambda: train(y=Y.astype(float)), TypeError, "got dtype float64: y.astype(int)"),
    "one row": (lambda: Dense(6, 3).forward(X[0]), ValueError, "got (6,); a batch of one: x[np.newaxis]"),
    "a forward without return": (
        lambda: network(Dense(6, 4), NoReturn(), Dense(4, 3)).forward(X),
        TypeError,
        "NoReturn(), layer 1: forward must return out, got None; is a return missing?",
    ),
    "a forward without return, in predict": (
        lambda: network(Dense(6, 4), NoReturn()).predict(X),
        TypeError,
        "NoReturn(), layer 1: forward must return out, got None",
    ),
    "a backward without return": (
        lambda: train(network(Dense(6, 4), Tanh(), NoReturnBack(), Dense(4, 3))),
        TypeError,
        "NoReturnBack(), layer 2: backward must return dx, got None",
    ),
    "a backward of another shape": (
        lambda: train(network(Dense(6, 4), Wide(), Dense(4, 3))),
        ValueError,
        "Dense(6, 4), layer 0: dout must have the shape of out, (32, 4), got (32, 8); it is what backward of Wide(), "
        "layer 1 returned",
    ),
    "NumPy in a forward of one's own": (
        lambda: network(Dense(6, 4), network(Cut())).forward(X),
        ValueError,
        "Cut(), layer 1.0: forward: matmul: ",
    ),
    "model.add": (lambda: network().add(ReLU()), AttributeError, "the layers of a Sequential are given at once"),
    "layer.weight": (
        lambda: setattr(Dense(2, 3), "weight", 1.0),
        AttributeError,
        "cannot set 'weight', since there is 'weights'",
    ),
    "layer.biases": (
        lambda: setattr(Dense(2, 3), "biases", 1.0),
        AttributeError,
        "cannot set 'biases', since there is 'bias'",
    ),
    "layer.W": (lambda: setattr(Dense(2, 3), "W", 1.0), AttributeError, "cannot set 'W', since there is 'weights'"),
    "a flag that is a word": (lambda: train(shuffle="no"), TypeError, "fit: shuffle must be True or False, got 'no'"),
    "a dict as y": (
        lambda: train(y={"y": Y}),
        TypeError,
        "fit: y must be an array with a row for each example, got dict",
    ),
    "the history as optimizer of a file": (
        lambda: save("m.npz", network(), optimizer=History()),
        TypeError,
        "save: optimizer must have state_dict, learning_rate, got History()",
    ),
    "one callback for a file": (
        lambda: save("m.npz", network(), callbacks=EarlyStopping()),
        TypeError,
        "save: callbacks must be a list of them, got EarlyStopping(",
    ),
    "parts exchanged": (
        lambda: fit(network(), Adam(), SoftmaxCrossEntropy(), X, Y, epochs=1),
        TypeError,
        "fit: loss must have forward, backward, got Adam: exchanged with the optimizer?",
    ),
    "an optimizer as a word": (lambda: train(optimizer="adam"), TypeError, "fit: optimizer must have step, got 'adam'"),
    "x and y in a list": (lambda: train(x=[X, Y], y=None), TypeError, "got ndarray: write x, y and not a list of them"),
    "a masked x": (
        lambda: train(x=np.ma.masked_array(X, X > 1)),
        TypeError,
        "fit: x must be a plain array, got a masked one, whose mask would be lost: x.filled(...)",
    ),
    "the class of a metric": (
        lambda: train(metrics=[top_k]),
        TypeError,
        "fit: metrics must be objects, got the class top_k: write top_k(k)",
    ),
    "a metric as a word": (
        lambda: train(metrics=["accuracy"]),
        TypeError,
        "got 'accuracy', a word: write metrics=[accuracy], the function",
    ),
    "one number for metrics": (
        lambda: train(metrics=3),
        TypeError,
        "fit: metrics must be a callable, a list or a dict",
    ),
    "a metric among callbacks": (lambda: train(callbacks=[accuracy]), TypeError, "metrics=[accuracy]"),
    "a function of two arguments": (
        lambda: train(callbacks=[lambda epoch, logs: None]),
        TypeError,
        "fit: callback <lambda>: on_epoch_end must take one argument, the run, got (epoch, logs)",
    ),
    "a generator as hook": (lambda: train(callbacks=[Yields()]), TypeError, "on_batch_end must be a plain function"),
    "True from a callback": (
        lambda: train(callbacks=[EndsByTrue()]),
        RuntimeError,
        "it must return nothing, got True; run.stop() ends the training",
    ),
    "EarlyStopping(5)": (
        lambda: EarlyStopping(5),
        TypeError,
        "EarlyStopping: monitor must be a name in the history, got 5",
    ),
    "mode='up'": (lambda: EarlyStopping(mode="up"), ValueError, "EarlyStopping: mode must be 'min' or 'max', got 'up'"),
    "Checkpoint(mode='up')": (
        lambda: Checkpoint("run.npz", keep_best=True, mode="up"),
        ValueError,
        "Checkpoint: mode must be 'min' or 'max', got 'up'",
    ),
    "Checkpoint(keep_best='yes')": (
        lambda: Checkpoint("run.npz", keep_best="yes"),
        TypeError,
        "Checkpoint: keep_best must be True or False, got 'yes'",
    ),
    "patience assigned": (
        lambda: setattr(EarlyStopping(), "patience", 0),
        ValueError,
        "EarlyStopping: patience must be",
    ),
    "standardize a word": (
        lambda: standardize(X, "a"),
        TypeError,
        "standardize: others[0] must hold real numbers, got 'a'",
    ),
    "one_hot of floats": (
        lambda: one_hot([0.0, 1.0]),
        TypeError,
        "one_hot: y must hold integers, got dtype float64: y.astype(int)",
    ),
    "batches of a generator": (
        lambda: batches((row for row in X), Y, 4),
        TypeError,
        "batches: x must be an array with a row for each example, got a generator",
    ),
    "a class of schedules in Joined": (
        lambda: Joined([0.1, CosineDecay], starts=[5]),
        TypeError,
        "schedules[1] must be an object, got the class CosineDecay",
    ),
    "a model as learning rate": (
        lambda: SGD(network()),
        TypeError,
        "SGD: learning_rate must be a number or a schedule, got",
    ),
    "a rate that is text": (
        lambda: train(optimizer=SGD(lambda step: "a")),
        TypeError,
        "SGD: learning_rate(0) must be a number, got 'a'",
    ),
    "a step below 0": (lambda: CosineDecay(0.1, steps=9)(-1), ValueError, "step must be at least 0, got -1"),
    "half a step": (lambda: CosineDecay(0.1, steps=9)(1.5), TypeError, "step must be a whole number, got 1.5"),
    "a schedule of None, drawn": (
        lambda: plot_schedule(lambda step: None, 5),
        TypeError,
        "plot_schedule: schedule(0) must be a number, got None",
    ),
    "no history, drawn": (
        lambda: plot_histories({"mine": None}),
        TypeError,
        "plot_histories: histories['mine'] must be a History, got None",
    ),
    "words, drawn as a matrix": (
        lambda: plot_confusion_matrix([["a"]]),
        TypeError,
        "plot_confusion_matrix: matrix must hold real numbers, got dtype <U1",
    ),
    "counts below 0": (lambda: plot_confusion_matrix([[1, -1], [0, 1]]), ValueError, "finite and not negative, got -1"),
    "no layer to look into": (
        lambda: layer_outputs("model", X),
        TypeError,
        "layer_outputs: model must be a layer, got str",
    ),
    "no model to check": (
        lambda: overfit_one_batch("model", SoftmaxCrossEntropy(), SGD(0.1), X, Y),
        TypeError,
        "overfit_one_batch: model must have forward, backward, predict, got 'model'",
    ),
    "a loss that is called": (
        lambda: SoftmaxCrossEntropy()(np.ones((2, 2)), [0, 1]),
        TypeError,
        "SoftmaxCrossEntropy(): a loss is not called: loss.forward(predictions, y) returns the number",
    ),
    "a loss among the metrics": (
        lambda: train(metrics=[SoftmaxCrossEntropy()]),
        TypeError,
        'fit: metrics must be callable with (predictions, y), got SoftmaxCrossEntropy(): write {"name": ',
    ),
    "gradients to zero": (
        lambda: SGD(0.1).zero_grad(),
        AttributeError,
        "'SGD' object has no attribute 'zero_grad': there is nothing to zero, backward sets the gradients",
    ),
    "weights of classes by class": (
        lambda: SoftmaxCrossEntropy(class_weights={0: 1.0, 1: 2.0}),
        TypeError,
        "class_weights must be an array, the weight of class 0 first, got {0: 1.0, 1: 2.0}: such as ",
    ),
    "betas of PyTorch": (
        lambda: Adam(betas=(0.9, 0.99)),
        TypeError,
        "Adam() got an unexpected keyword argument 'betas': did you mean beta1 and beta2?",
    ),
    "validation data as elsewhere": (
        lambda: fit(network(), SoftmaxCrossEntropy(), SGD(0.1), X, Y, epochs=1, validation_data=(X, Y)),
        TypeError,
        "fit() got an unexpected keyword argument 'validation_data': did you mean validation=(x, y)?",
    ),
    "class weights in fit": (
        lambda: fit(network(), SoftmaxCrossEntropy(), SGD(0.1), X, Y, epochs=1, class_weight={0: 1}),
        TypeError,
        "'class_weight': did you mean class_weights of the loss?",
    ),
    "no loss and no optimizer": (
        lambda: fit(network(), X, Y, epochs=1),
        TypeError,
        "fit() missing a required argument: 'x': fit(model, loss, optimizer, x, y=None, *, epochs,",
    ),
    "a seed by another name": (
        lambda: train_test_split(X, Y, random_state=0),
        TypeError,
        "train_test_split() got an unexpected keyword argument 'random_state': did you mean rng?",
    ),
    "the best weights by another name": (
        lambda: EarlyStopping(restore_best_weights=True),
        TypeError,
        "EarlyStopping() got an unexpected keyword argument 'restore_best_weights': did you mean restore_best?",
    ),
    "a checkpoint by another name": (
        lambda: Checkpoint(filepath="x.npz"),
        TypeError,
        "Checkpoint() got an unexpected keyword argument 'filepath': did you mean path?",
    ),
    "a layer that shall not be trained": (
        lambda: setattr(network()[0], "trainable", False),
        AttributeError,
        "Dense(6, 8), layer 0: cannot set 'trainable': layer.rest() keeps a layer as it is, and wake() lets it learn",
    ),
    "a network that shall not be trained": (
        lambda: setattr(network(), "requires_grad", False),
        AttributeError,
        "Sequential of 3 layers: cannot set 'requires_grad': layer.rest() keeps a layer as it is",
    ),
    "a rate by another name": (
        lambda: setattr(Adam(0.1), "lr", 0.5),
        AttributeError,
        "Adam(learning_rate=0.1): cannot set 'lr': did you mean learning_rate?",
    ),
    "both at once, as in scikit-learn": (
        lambda: Standardizer().fit_transform(X),
        AttributeError,
        "'Standardizer' object has no attribute 'fit_transform': fit(x).transform(x)",
    ),
    "all steps of a recurrent layer": (
        lambda: LSTM(8, 16, return_sequences=True),
        TypeError,
        "'return_sequences': leave it away: out has every step, and LastStep() after it takes the last one",
    ),
    "an initializer that is none": (
        lambda: Dense(2, 3, initializer="he"),
        TypeError,
        "got 'he', a word: write he_normal, the function, or another one",
    ),
    "a metric by its short name": (
        lambda: evaluate(network(), SoftmaxCrossEntropy(), X, Y, metrics=["mae"]),
        TypeError,
        "got 'mae', a word: write metrics=[mean_absolute_error], the function",
    ),
    "a summary of nothing": (
        lambda: network().summary(),
        TypeError,
        "summary must be given the shape of one example, such as summary((64,)), got nothing",
    ),
    "a forward without return in a proof": (
        lambda: check_gradients(Forgetful(), X),
        GradientError,
        "forward must return out, got None: is there a return?",
    ),
    "an activation as argument": (
        lambda: Dense(2, 3, activation="relu"),
        TypeError,
        "argument 'activation': an activation is a layer of its own, such as ReLU() after it",
    ),
    "an initializer in a hint": (
        lambda: Dense(2),
        TypeError,
        "Dense(n_inputs, n_outputs, *, use_bias=True, initializer=he_normal, rng=None)",
    ),
    "a batch of NaN to learn by heart": (
        lambda: overfit_one_batch(network(), SoftmaxCrossEntropy(), SGD(0.1), X * np.nan, Y),
        ValueError,
        "overfit_one_batch: x must be finite, got NaN or infinity in row 0",
    ),
    "parts exchanged in the range test": (
        lambda: learning_rate_range_test(network(), SGD(0.1), SoftmaxCrossEntropy(), X, Y),
        TypeError,
        "learning_rate_range_test: loss must have forward, backward, got SGD: exchanged with the optimizer?",
    ),
}


@pytest.mark.parametrize(("call", "error", "text"), OTHERS.values(), ids=OTHERS)
def test_what_else_does_not_fit_is_answered_with_the_cure(call, error, text):
    check(call, error, text)


# ---- wrong results without a word ------------------------------------------------------------------------------------

SCORES = np.array([-1.0, 2.0, 0.3, -0.2])
TRUE = np.array([0, 1, 0, 1])


def test_classes_are_compared_and_not_taken_for_scores():
    p = network().predict(X)
    for metric in (accuracy, f1, precision):
        assert metric(p.argmax(axis=1), Y) == metric(p, Y)
    np.testing.assert_array_equal(confusion_matrix(p.argmax(axis=1), Y), confusion_matrix(p, Y))
    assert accuracy(np.array([[0, 2], [1, 1]]), np.array([[0, 1], [1, 1]])) == 3 / 4  # of sequences
    assert (
        accuracy(SCORES > 0, TRUE == 1) == accuracy(SCORES, TRUE) == accuracy(np.sign(SCORES).astype(int), 2 * TRUE - 1)
    )


def test_batches_with_other_classes_add_up():
    tally = f1.start()
    for predicted, y in (([0, 1], [0, 0]), ([4, 0], [4, 1]), ([2], [2])):
        f1.add(tally, predicted, y)
    assert f1.result(tally) == f1([0, 1, 4, 0, 2], [0, 0, 4, 1, 2])


def test_probabilities_need_a_threshold_where_it_matters():
    chances = np.array([0.2, 0.9, 0.4, 0.6])
    for call in (
        lambda: accuracy(chances, TRUE),
        lambda: confusion_matrix(chances[:, np.newaxis], TRUE[:, np.newaxis]),
    ):
        check(call, ValueError, "all lie in [0, 1] as probabilities do: give logits, or threshold=0.5")
    assert accuracy(chances, TRUE, threshold=0.5) == accuracy.at(0.5)(chances, TRUE) == 1.0
    assert accuracy(chances, TRUE, threshold=0) == 0.5
    assert accuracy(np.array([0.0, 1.0, 0.7]), np.array([0, 1, 1])) == 1.0  # 0 and 0.5 say the same
    assert accuracy(chances, 2 * TRUE - 1) == 0.5  # beside -1 and 1 they are signed scores


def test_a_batch_of_scores_may_lie_in_0_to_1_by_chance():
    tally = accuracy.start()
    accuracy.add(tally, np.array([0.3]), np.array([1]))
    accuracy.add(tally, np.array([-2.0]), np.array([0]))
    assert accuracy.result(tally) == 1.0


@pytest.mark.parametrize("loss", [SigmoidBinaryCrossEntropy(), Hinge()])
def test_fit_knows_of_a_loss_that_its_predictions_are_logits(loss):
    model = network(Dense(6, 1, initializer=lambda rng, shape: np.zeros(shape)))
    model[0].bias = [0.3]
    y = (2 * (Y[:, np.newaxis] > 0) - 1 if isinstance(loss, Hinge) else Y[:, np.newaxis] > 0).astype(float)
    history = train(model, loss, SGD(1e-9), y=y, metrics=accuracy)
    assert history.accuracy[0] == np.mean(Y > 0)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: accuracy(SCORES, SCORES + 1),
            ValueError,
            "for one score each, got 3.0 at [1]; of numbers ask mean_absolute_error",
        ),
        (
            lambda: accuracy(SCORES, np.array([0, 1, 2, 1])),
            ValueError,
            "predictions that are classes must be integers: predictions.astype(int)",
        ),
        (
            lambda: precision(TRUE, SCORES),
            TypeError,
            "where predictions do, got 2.0 at [1] in float64; predictions come first, then y: exchanged?",
        ),
        (lambda: precision(TRUE.astype(float), SCORES), ValueError, "predictions come first, then y: exchanged?"),
        (
            lambda: accuracy(np.array([-3, 2]), np.array([0, 1])),
            ValueError,
            "predictions must hold classes 0, 1, ..., got -3; scores must be floats",
        ),
        (lambda: accuracy(np.array([0, 1]), np.array([0, -1])), ValueError, "y must hold classes 0, 1, ..., got -1"),
        (
            lambda: accuracy(np.eye(3), np.array([[1, 0, 1]] * 3)),
            ValueError,
            "got 2 ones in row 0; of several labels an example",
        ),
        (
            lambda: accuracy(np.eye(3) + 0.5, np.eye(3) - 0.5),
            ValueError,
            "of numbers ask mean_absolute_error or r_squared",
        ),
        (lambda: accuracy(np.array([0, 1]), np.eye(2)), ValueError, "y.argmax(axis=-1) has its classes"),
        (
            lambda: accuracy(np.eye(2), np.array([0, 1]), threshold=0.5),
            ValueError,
            "threshold must be for one score for each example",
        ),
        (
            lambda: accuracy(SCORES, TRUE, threshold="half"),
            TypeError,
            "accuracy: threshold must be a number, got 'half'",
        ),
        (
            lambda: accuracy(np.array([0, 10**9]), np.array([0, 1])),
            ValueError,
            "classes below 1,000,000, got 1000000000",
        ),
        (lambda: accuracy("wrong", TRUE), TypeError, "accuracy: predictions must hold real numbers, got 'wrong'"),
        (lambda: accuracy(SCORES, np.array([0, 1, np.nan, 1])), ValueError, "accuracy: y must be finite"),
        (
            lambda: top_k(1)(np.eye(2).astype(complex), [0, 1]),
            TypeError,
            "top_1_accuracy: predictions must hold real numbers, got dtype complex128",
        ),
        (
            lambda: mean_absolute_error(np.zeros((3, 1)), np.zeros(3)),
            ValueError,
            "mean_absolute_error: predictions and y must have the same shape, got (3, 1) and (3,): y[:",
        ),
        (
            lambda: train(network(Dense(6, 1)), MeanSquaredError(), SGD(0.001), y=X[:, :1], metrics=accuracy),
            ValueError,
            "accuracy: y must hold 0 and 1",
        ),
    ],
)
def test_a_metric_refuses_what_it_would_count_wrongly(call, error, text):
    check(call, error, text)


# ---- histories -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: History({"loss": None}), TypeError, "History: loss must be a list of numbers, got None"),
        (lambda: History({"loss": "abc"}), TypeError, "History: loss must be a list of numbers, got 'abc'"),
        (lambda: History({"loss": ["a"]}), TypeError, "History: loss must hold real numbers, got 'a'"),
        (lambda: History({"loss": [1j]}), TypeError, "History: loss must hold real numbers, got 1j"),
        (lambda: History({"loss": [True]}), TypeError, "History: loss must hold real numbers, got True"),
        (lambda: History([1.0]), TypeError, "History: columns must be a dict of lists of numbers, got list"),
        (lambda: History({1: [1.0]}), TypeError, "History: names must be text, got 1"),
        (lambda: History(unit=3), TypeError, "History: unit must be text, got 3"),
        (
            lambda: History({"loss": [1.0]}).row(1),
            IndexError,
            "History: index must be below 1, the number of rows, got 1",
        ),
        (lambda: History({"loss": [1.0]}).row(0.5), TypeError, "History: index must be a whole number, got 0.5"),
        (lambda: History({"loss": [1.0]})[0], KeyError, "a row by history.row(0), got 0"),
        (lambda: History({"validation_loss": [1.0]})["val_loss"], KeyError, "did you mean validation_loss?"),
        (lambda: History().put("loss", 1.0), IndexError, "History: there must be a row to put loss into, got none"),
        (
            lambda: History({"loss": [1.0]}).best(mode="up"),
            ValueError,
            "History: mode must be 'min' or 'max', got 'up'",
        ),
        (lambda: History({"loss": [1.0]}).to_csv(3), TypeError, "History: path must be a path, got int"),
    ],
)
def test_a_history_refuses_what_is_no_number_and_no_name(call, error, text):
    check(call, error, text)


def test_a_row_that_is_refused_leaves_the_history_as_it_is():
    history = History({"loss": [1.0]})
    for record in ({"accuracy": 0.5, "loss": "a"}, {3: 1.0}, None, {"loss": np.ones(2)}):
        with pytest.raises(TypeError, match="History: "):
            history.append(record)
    assert history == History({"loss": [1.0]})


def test_numbers_of_numpy_become_plain_ones_and_a_dict_can_be_made():
    history = History({"epoch": np.arange(2), "loss": np.float32([0.5, 0.25])})
    assert dict(history) == {"epoch": [0, 1], "loss": [0.5, 0.25]}
    assert {type(value) for column in dict(history).values() for value in column} == {int, float}


# ---- what the hints must not break -----------------------------------------------------------------------------------


def test_a_name_that_is_not_there_is_only_told_of():
    model = network()
    assert not hasattr(model, "fit")
    assert getattr(model, "train", 3) == 3
    for other in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_an_error_inside_a_property_is_not_hidden():
    class Broken(ReLU):
        @property
        def width(self):
            return self.nothing

    with pytest.raises(AttributeError, match="'Broken' object has no attribute 'nothing'"):
        Broken().width  # noqa: B018


def test_arrays_of_like_names_and_private_ones_may_stand_beside_the_declared_ones():
    class Two(Layer):
        def __init__(self):
            super().__init__(weights1=(2,))

    layer = Two()
    layer.weights2 = np.ones(2)
    layer._weights1 = np.ones(2)
    layer.shift = 1.0
    assert (layer.weights2.sum(), layer._weights1.sum(), layer.shift) == (2.0, 2.0, 1.0)
    np.testing.assert_array_equal(layer.weights1, [0.0, 0.0])


def test_an_error_of_ones_own_stays_the_same_object():
    lost = KeyError("lost")

    class Loses(Layer):
        def forward(self, x):
            raise lost

    with pytest.raises(KeyError) as caught:
        network(Dense(6, 3), Loses()).forward(X)
    assert caught.value is lost


@pytest.mark.parametrize("inner", [Dropout(0.5, rng=0), Tanh()], ids=str)
def test_predict_of_a_network_with_its_own_forward_is_that_forward(inner):
    class Doubled(Sequential):
        def forward(self, x):
            return 2 * super().forward(x)

    model, plain = Doubled([Dense(6, 3, rng=0), inner]), Sequential([Dense(6, 3, rng=0), copy.deepcopy(inner)])
    np.testing.assert_array_equal(model.predict(X), 2 * plain.predict(X))
    np.testing.assert_array_equal(model.predict(X, batch_size=7), 2 * plain.predict(X))
    model.rest()
    np.testing.assert_array_equal(model.forward(X), model.predict(X))


def test_a_layer_with_a_new_forward_must_say_what_it_predicts():
    class Loud(Dropout):
        def forward(self, x):
            return 2 * super().forward(x)

    class Said(Loud):
        predict = Dropout.predict

    check(
        lambda: Loud(0.5).predict(X),
        NotImplementedError,
        "predict must be written beside forward, which that of Dropout",
    )
    np.testing.assert_array_equal(Said(0.5).predict(X), X)
