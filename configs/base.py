"""Every field of an experiment, with its default, unit and meaning. An experiment changes only what it is about.

On the command line: --config=configs/NAME.py --config.FIELD=VALUE, with --config first.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    """The defaults: network, noise and batch of the Keras denoising example, trained with AdamW."""
    config = ConfigDict()
    # denoise | stack (pre-train layers, then classify by their code) | gan | super_resolve (enlarge images) | segment
    # (say of each pixel to which class it belongs)
    config.task = "denoise"  # what is trained
    config.seed = 0  # seed of the initial parameters, the order of the data and all noise
    config.epochs = 8.0  # length in epochs (passes over the training split); 0 if `steps` is set
    config.steps = 0  # length in steps; 0 if `epochs` is set
    config.batch_size = 128  # examples per step over all devices; must be divisible by their number
    config.loss = "bce"  # bce (binary cross-entropy) | mse | l1; mean over pixels
    config.learning_rate = 3e-3  # peak learning rate: after the warm-up, before the cosine decay
    config.optimizer = _optimizer()
    config.data = _data()
    config.augment = _augment()
    config.noise = _noise()
    config.model = _model()
    config.stack = _stack()
    config.gan = _gan()
    config.super_resolve = _super_resolve()
    config.segment = _segment()
    config.log_every = 20  # steps between rows of metrics.csv; 0 for once per epoch
    config.steps_per_dispatch = 0  # steps per call to the devices; 0 for 1 on CPUs and 50 on GPUs and TPUs
    config.eval = _eval()
    config.checkpoint = _checkpoint()
    return config


def _optimizer() -> ConfigDict:
    optimizer = ConfigDict()
    optimizer.name = "adamw"  # any optimiser of optax that takes a learning rate
    optimizer.warmup_steps = 100  # steps of linear warm-up; at most a tenth of the run
    optimizer.weight_decay = 1e-4  # for optimisers that take it
    optimizer.grad_clip = 0.0  # limit of the global norm of the gradient; 0 for no limit
    return optimizer


def _data() -> ConfigDict:
    data = ConfigDict()
    # mnist | notmnist[/small | /large | /auto] | glyphs[/letters | /digits] | pages | letters | folder | a prepared
    # TFDS set
    data.name = "mnist"  # name of the data set
    data.dir = ""  # data folder; "" for AEDEN_DATA, or else TFDS' default; of fonts, for what is drawn from fonts
    data.fallback = "glyphs"  # used if MNIST or notMNIST is not available; "" makes that an error
    data.limit = 0  # maximum number of examples per split; 0 for all
    data.train_limit = 0  # maximum number of training examples; validation and test stay complete; 0 for all
    # The next three are for denoising and super-resolution. With data.crop the images may be of any size; both limits
    # then count whole images.
    data.crop = 0  # train on random crops of this height and width, in pixels; 0 for whole images of one size
    data.channels = "auto"  # 1 (gray) | 3 (colour) | auto (colour if any image is); converts images; needs data.crop
    data.held_out = 0.1  # share of the images validated, and again of those tested, at least one each; folder and crop
    # The next four are for data.name=letters.
    data.characters = "ABCDEFGHIJ"  # the classes besides the background: letters A-Z and a-z, and digits
    data.photos = ""  # folder or archive of photos, which are behind half of the images; "" for textures only
    data.shapes = "fonts"  # fonts | mnist | notmnist: where the shapes of the letters come from
    data.side = 64  # height and width of the images, in pixels
    return data


def _augment() -> ConfigDict:
    # A random transform of each training image, before the noise.
    augment = ConfigDict()
    augment.shift = 0.0  # maximum shift in pixels, along each axis
    augment.turn = 0.0  # maximum rotation in degrees, in either direction
    augment.zoom = 0.0  # maximum relative change of the size
    augment.flip = False  # mirror left and right, with probability 1/2
    augment.quarter_turns = False  # turn by 0, 90, 180 or 270 degrees, equally likely; needs square images
    return augment


def _noise() -> ConfigDict:
    noise = ConfigDict()
    # gaussian | salt_and_pepper | masking | speckle | poisson | blocks | strokes; the last two are holes to fill in
    noise.kind = "gaussian"  # what the images are corrupted by
    # standard deviation for images in [0, 1]; share of pixels for salt_and_pepper, masking, blocks and strokes
    noise.level = 0.4  # how much
    noise.level_max = 0.0  # if above `level`, the level of each image is drawn uniformly from [level, level_max]
    noise.clip = True  # clip the noisy image to [0, 1]
    return noise


def _model() -> ConfigDict:
    model = ConfigDict()
    # conv (convolutional, with either decoder) | dense (fully connected) | unet (deeper, with skip connections)
    model.architecture = "conv"  # kind of network
    model.hidden = (512,)  # nodes of each layer of a dense encoder; its decoder mirrors them
    model.tied = False  # the weights of a dense decoder are the transposed weights of its encoder
    # transpose (Conv2DTranspose) | upsample (UpSampling2D, then convolve) | subpixel | large_context
    # | smoothed_transpose | bilinear_additive | unpool | point_sampling; docs/method.md explains each
    model.decoder = "transpose"  # how each stage of the decoder enlarges
    model.resize = "nearest"  # nearest | bilinear | cubic | lanczos3 | lanczos5; for the upsample decoder
    model.placement = "after"  # the upsample decoder convolves `after` or `before` the resize
    model.features = (32, 32)  # channels of each encoder stage; the decoder mirrors them
    model.decoder_features = ()  # channels of each decoder stage, first to last; () to mirror the encoder
    model.factors = (2, 2)  # factor by which each stage reduces height and width
    model.stages = 0  # number of stages, all with the first entry of features and factors; 0 for one per entry
    model.skip = False  # skip connections from each encoder stage to the decoder stage of the same size
    # The next four are for a unet.
    model.blocks = 2  # convolutions of each stage
    model.residual = False  # predict the noise; the output is the noisy image minus it, for the losses mse and l1
    model.bias = True  # whether layers have biases; without them a residual network restores alike at every brightness
    model.level_input = False  # give the network the noise level of each image; False: it has to see it (blind)
    model.kernel_size = 3  # height and width of the kernels, in pixels
    model.decoder_kernel_size = 0  # kernel size of the decoder layers that upsample; 0 for kernel_size
    model.init = "he"  # initial values: he | phase | icnr | glorot (Keras) | torch (PyTorch), see docs/method.md
    model.dtype = "float32"  # float32 | bfloat16: type of the computation; parameters stay float32
    model.lowering = "auto"  # reference (plain Flax) | fast (same result) | auto (the faster one on this backend)
    return model


def _stack() -> ConfigDict:
    # For task="stack". `epochs` or `steps` is then the length of the head's phase.
    stack = ConfigDict()
    stack.layerwise = True  # pre-train layer after layer (greedy); False: the whole autoencoder at once
    stack.levels = ()  # noise.level of the input of each layer, lowest first; () for noise.level everywhere
    stack.pretrain_epochs = 10.0  # epochs per layer; 0 for no pre-training: start from random parameters
    stack.pretrain_learning_rate = 1e-3  # peak learning rate of pre-training and of fine-tuning as an autoencoder
    stack.unroll_epochs = 0.0  # epochs of fine-tuning all layers as one autoencoder, after pre-training; 0 for none
    stack.pretrained = ""  # folder of a finished run whose autoencoder is used instead of pre-training
    stack.head = "finetune"  # finetune (whole network) | frozen (code) | pixels (images themselves) | none (no classes)
    stack.labels = 0  # number of labelled examples for the head's phase, balanced over the classes; 0 for all
    stack.head_noise = 0.0  # noise.level of the training images in the head's phase; 0 for none
    stack.dropout = 0.0  # share of the nodes of each layer's code dropped in the head's phase, in steps of 1/256
    stack.label_smoothing = 0.0  # share of each label spread evenly over all classes
    stack.embedding = "tsne"  # tsne | pca | none: 2-D embedding of the test images' codes, for embedding.png
    return stack


def _gan() -> ConfigDict:
    # For task="gan". model.decoder, features, factors ... are then those of the generator.
    gan = ConfigDict()
    gan.latent = 64  # size of the latent vectors, which are normally distributed
    gan.modes = 0  # number of clusters of the latent vectors, selected by their first `modes` entries; 0 for none
    gan.hidden = (256,)  # nodes of the dense layers before the projection; () for none
    gan.width = 64  # channels of the feature maps that the latent vector is projected to
    gan.conditional = False  # give generator and discriminator the class
    gan.loss = "relativistic"  # relativistic | nonsaturating
    gan.r1 = 1.0  # weight of the gradient penalty on real images: half the squared gradient of the score by the pixels
    gan.r2 = 1.0  # weight of the same penalty on samples; usually 0 with nonsaturating
    gan.discriminator = (32, 64, 128)  # channels of its stages, each of which halves height and width
    gan.downsampling = "strided"  # strided | antialiased (about three times slower on a CPU)
    gan.r1_every = 1  # steps between the penalties r1 and r2, which then count as many times; 16 makes steps cheaper
    gan.discriminator_rate = 1.0  # learning rate of the discriminator, as a factor of learning_rate
    gan.b1 = 0.0  # Adam's decay of the mean gradient, for both networks
    gan.b2 = 0.99  # Adam's decay of the mean squared gradient
    gan.average = 0.999  # decay per step of the generator's moving average, which generates the samples
    gan.samples = 10_000  # number of samples to judge at the end; 0 for none (data without labels)
    gan.truncation = 0.0  # limit of the latents' absolute values in samples: less varied, more typical; 0 for none
    gan.truncations = ()  # further truncations to judge samples at, e.g. (0.5, 1.0)
    # all (trained on all training images, which samples are compared with) | half (trained on one half, samples are
    # compared with the other, which it has not seen: real images are then nearer to it)
    gan.judge = "all"  # the classifier that judges samples
    return gan


def _super_resolve() -> ConfigDict:
    # For task="super_resolve". The section `noise` is then the noise of the images of low resolution; noise.level=0.0
    # for none.
    options = ConfigDict()
    options.factor = 2  # how many times the images are enlarged: 2 | 3 | 4
    options.antialias = True  # images of low resolution are bicubic means; False: one pixel of each square is kept
    # features (of the low resolution, by one convolution per entry of model.features; model.factors is not read)
    # | code (of an autoencoder of the low resolution, whose encoder has model.features and model.factors)
    options.enlarges = "features"  # what the decoder enlarges
    options.stages = ()  # factor of each stage that enlarges; () for (2, 2) if `factor` is 4, else one stage
    options.residual = False  # add the output to the bicubic enlargement, for the losses mse and l1; False: logits
    return options


def _segment() -> ConfigDict:
    # For task="segment". The section `noise` is then the noise of the images; noise.level=0.0 for none.
    options = ConfigDict()
    # none | median_frequency: the rarer a class, the more its pixels weigh
    options.class_weights = "none"  # how much the pixels of each class weigh in the loss
    return options


def _eval() -> ConfigDict:
    evaluation = ConfigDict()
    evaluation.every = 0  # steps between validations, each with a checkpoint; 0 for once per epoch, at most 100 times
    # last | best: which checkpoint of a training is its result; best has the highest validation PSNR (restoration),
    # accuracy (classification), mean IoU (segmentation) or share of confident samples (gan)
    evaluation.checkpoint = "last"  # which checkpoint is tested
    evaluation.levels = ()  # further noise levels to test at, e.g. (0.2, 0.6)
    # The next two are for denoising runs.
    evaluation.noises = ()  # further kinds of noise to test with, "kind:level", e.g. ("speckle:0.5", "masking:0.3")
    evaluation.extras = False  # also measure shift equivariance, and the gap between training and test images
    evaluation.test = True  # test the result; False for trials that are judged by their validation figures
    return evaluation


def _checkpoint() -> ConfigDict:
    checkpoint = ConfigDict()
    checkpoint.every = 0  # steps between checkpoints in addition to those at validations; 0 for none
    checkpoint.keep = 2  # number of newest checkpoints to keep, in addition to the best on validation
    return checkpoint
