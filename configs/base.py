"""Every field once, with its default, unit and meaning. An experiment changes what it is about.

On the command line: --config=configs/NAME.py --config.FIELD=VALUE, with --config first.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    """The defaults: the network, noise and batch of the Keras denoising example, trained with AdamW."""
    config = ConfigDict()
    config.task = "denoise"  # denoise | stack (pre-train layers, then tell classes by their code) | gan
    config.seed = 0  # of the initial parameters, the order of the data and all noise
    config.epochs = 8.0  # length in passes over the training split; 0 when `steps` says it
    config.steps = 0  # length in steps; 0 when `epochs` says it
    config.batch_size = 128  # examples a step over all devices, a multiple of their number
    config.loss = "bce"  # bce | mse | l1, mean over pixels
    config.learning_rate = 3e-3  # at its peak, after the warm-up and before the cosine

    config.optimizer = optimizer = ConfigDict()
    optimizer.name = "adamw"  # any optimiser of optax that takes a learning rate
    optimizer.warmup_steps = 100  # a tenth of the run at most
    optimizer.weight_decay = 1e-4  # for optimisers that take it
    optimizer.grad_clip = 0.0  # largest global norm of the gradient; 0 for no limit

    config.data = data = ConfigDict()
    data.name = "mnist"  # mnist | notmnist[/large | /auto] | glyphs[/digits] | folder | a prepared TFDS set
    data.dir = ""  # data folder; "" for AEDEN_DATA, else TFDS' default. For glyphs: a folder of fonts
    data.fallback = "glyphs"  # stands in where MNIST or notMNIST cannot be had; "" makes that an error
    data.limit = 0  # examples a split at most; 0 for all
    data.train_limit = 0  # examples to train on at most, of all to test on; 0 for all

    config.augment = augment = ConfigDict()  # random moves of each training image, before it is corrupted
    augment.shift = 0.0  # pixels at most, along each axis
    augment.turn = 0.0  # degrees at most, either way
    augment.zoom = 0.0  # largest relative change of the size

    config.noise = noise = ConfigDict()
    noise.kind = "gaussian"  # gaussian | salt_and_pepper | masking | speckle | poisson
    noise.level = 0.4  # standard deviation for images in [0, 1]; share of pixels for salt_and_pepper and masking
    noise.level_max = 0.0  # above `level`: each image's level is drawn evenly from [level, level_max]
    noise.clip = True  # clip the noisy image to [0, 1]

    config.model = model = ConfigDict()
    model.architecture = "conv"  # conv (convolutional, either decoder) | dense (fully connected)
    model.hidden = (512,)  # nodes of each layer of a dense encoder; its decoder mirrors them
    model.tied = False  # a dense decoder's weights are its encoder's, transposed
    model.decoder = "transpose"  # transpose (Conv2DTranspose) | upsample (UpSampling2D, then convolve) | subpixel
    model.resize = "nearest"  # nearest | bilinear | cubic | lanczos3 | lanczos5; of the upsample decoder
    model.placement = "after"  # the upsample decoder convolves `after` or `before` the resize
    model.features = (32, 32)  # channels of each encoder stage; the decoder mirrors them
    model.decoder_features = ()  # channels of each decoder stage, first to last, where they are others; () mirrors
    model.factors = (2, 2)  # how many times each stage shrinks height and width
    model.kernel_size = 3  # pixels
    model.decoder_kernel_size = 0  # of the decoder layers that grow, where it is another; 0 for kernel_size
    model.dtype = "float32"  # float32 | bfloat16, of the computation; parameters stay float32
    model.lowering = "auto"  # reference (plain Flax) | fast (the same numbers) | auto (the faster on this backend)

    config.stack = stack = ConfigDict()  # for task="stack"; `epochs` or `steps` is then the length of the head's phase
    stack.layerwise = True  # pre-train layer after layer (greedy); False: the whole autoencoder at once
    stack.levels = ()  # noise.level of each layer's own input, lowest first; () for noise.level everywhere
    stack.pretrain_epochs = 10.0  # of each layer; 0 for none: the head's phase starts from random parameters
    stack.pretrain_learning_rate = 1e-3  # at its peak, of pre-training and unrolling
    stack.unroll_epochs = 0.0  # of all layers together, as one deep autoencoder, after pre-training; 0 for none
    stack.pretrained = ""  # a finished run folder whose autoencoder to take instead of pre-training one
    stack.head = "finetune"  # finetune (whole network) | frozen (code) | pixels (images themselves) | none (no classes)
    stack.labels = 0  # labelled examples that the head's phase uses, as many of each class; 0 for all
    stack.head_noise = 0.0  # noise.level of the images that the head's phase sees; 0 for none
    stack.dropout = 0.0  # share of the nodes of each layer's code left out in the head's phase, in steps of 1/256
    stack.label_smoothing = 0.0  # share of each label spread over all classes
    stack.embedding = "tsne"  # tsne | pca | none: of the test images' code, for embedding.png

    config.gan = gan = ConfigDict()  # for task="gan": model.decoder, features, factors ... are then the generator's
    gan.latent = 64  # numbers that an image is made from, each of a normal distribution
    gan.modes = 0  # clusters that the latents fall into, chosen by the first so many of these numbers; 0 for none
    gan.hidden = (256,)  # nodes of the dense layers between latent and maps; () for none
    gan.width = 64  # channels of the maps that the latent is projected to
    gan.conditional = False  # tell generator and discriminator the class
    gan.loss = "relativistic"  # relativistic | nonsaturating
    gan.r1 = 1.0  # weight of half the squared gradient of the score by the pixels, on real images
    gan.r2 = 1.0  # the same on samples; 0 is usual with nonsaturating
    gan.discriminator = (32, 64, 128)  # channels of its stages, each of which halves height and width
    gan.downsampling = "strided"  # strided | antialiased (some three times slower on a CPU)
    gan.b1 = 0.0  # Adam's decay of the mean gradient, of both
    gan.b2 = 0.99  # and of its square
    gan.average = 0.999  # decay a step of the generator's moving average, which makes the samples
    gan.samples = 10_000  # samples to judge at the end; 0 for none (a set without labels)

    config.log_every = 20  # steps between rows of metrics.csv; 0 for once an epoch
    config.steps_per_dispatch = 0  # steps a call to the devices; 0 for 1 on CPUs and 50 on GPUs and TPUs

    config.eval = evaluation = ConfigDict()
    evaluation.every = 0  # steps between validations, each with a checkpoint; 0 for once an epoch, 100 times at most
    evaluation.checkpoint = "last"  # last | best (on validation): which checkpoint is tested
    evaluation.levels = ()  # further noise levels to test at, e.g. (0.2, 0.6)

    config.checkpoint = checkpoint = ConfigDict()
    checkpoint.every = 0  # steps between checkpoints beside those at validations; 0 for none
    checkpoint.keep = 2  # newest checkpoints to keep, beside the best on validation
    return config
