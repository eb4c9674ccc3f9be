"""The training steps of pix2pix and VQ-VAE in plain PyTorch, for the benchmark alone.

The same nets, losses, batch size and optimiser as in the rooms, in eager mode on synthetic pictures, as one would write
them with torch.nn. It decides nothing: what the claims rest on is trained in the rooms.
"""

import importlib
import json
import time

import torch  # pyright: ignore[reportMissingImports]  # an extra
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

from replications import command, study
from replications.tools.bench import STEPS

WARM_UP = 10


def timed(replication: str) -> str:
    """The variant that the bench trains."""
    return importlib.import_module(f"replications.{replication}.measures").TIMED


def main(argv: list[str] | None = None) -> int:
    """Command line: prints images per second as JSON."""
    parser = command.Parser(prog="python -m replications bench-torch", description=__doc__)
    parser.add_argument("replication", choices=STEP)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", type=int, default=32, help="pixels (default: those of the bundled study)")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    p = study.load(".").variants_of(arguments.replication)[timed(arguments.replication)]
    step = STEP[arguments.replication](p, arguments.size)
    for _ in range(WARM_UP):
        step()
    began = time.perf_counter()
    for _ in range(STEPS):
        step()
    print(json.dumps({"images_per_second": round(STEPS * p.batch_size / (time.perf_counter() - began), 1)}))
    return 0


# --- pix2pix -------------------------------------------------------------------------------------------------------


class UNet(nn.Module):
    """As `pix2pix.networks.generator` with skips."""

    def __init__(self, ngf: int, depth: int, dropout: float, dropout_blocks: int):
        super().__init__()
        channels = [ngf * min(2**i, 8) for i in range(depth)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for i, c in enumerate(channels):
            normed = 0 < i < depth - 1
            block = [nn.LeakyReLU(0.2)] if i else []
            block += [nn.Conv2d(channels[i - 1] if i else 3, c, 4, 2, 1, bias=not normed)]
            block += [nn.InstanceNorm2d(c, affine=True)] if normed else []
            self.down.append(nn.Sequential(*block))
        before = channels[-1]
        for i, c in reversed(list(enumerate(channels[:-1]))):
            block = [nn.ReLU(), nn.ConvTranspose2d(before, c, 4, 2, 1, bias=False), nn.InstanceNorm2d(c, affine=True)]
            block += [nn.Dropout(dropout)] if i >= depth - 1 - dropout_blocks else []
            self.up.append(nn.Sequential(*block))
            before = 2 * c
        self.last = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(before, 3, 4, 2, 1), nn.Tanh())

    def forward(self, x):
        """(B, 3, H, W) → the same."""
        encoded = []
        for block in self.down:
            x = block(x)
            encoded.append(x)
        for block, skip in zip(self.up, reversed(encoded[:-1]), strict=True):
            x = torch.cat([block(x), skip], 1)
        return self.last(x)


class PatchGAN(nn.Sequential):
    """As `pix2pix.networks.discriminator`, conditional; "same" padding is one pixel more at the far side."""

    def __init__(self, ndf: int, receptive_field: int):
        strides = [2] * {7: 0, 16: 1, 34: 2, 70: 3}[receptive_field] + [1]
        layers, before = [], 6
        for i, stride in enumerate(strides):
            c = ndf * min(2**i, 8)
            layers += [nn.ZeroPad2d((1, 2, 1, 2) if stride == 1 else 1), nn.Conv2d(before, c, 4, stride, bias=i == 0)]
            layers += [nn.InstanceNorm2d(c, affine=True)] if i else []
            layers += [nn.LeakyReLU(0.2)]
            before = c
        super().__init__(*layers, nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(before, 1, 4))


def pix2pix(p, size: int):
    """One step of both nets, the discriminator's output for the fake computed once for each."""
    generator, discriminator = UNet(p.ngf, p.depth, p.dropout, p.dropout_blocks), PatchGAN(p.ndf, p.receptive_field)
    optimisers = [
        torch.optim.Adam(net.parameters(), p.learning_rate, (p.beta_1, 0.999)) for net in (generator, discriminator)
    ]
    x, y = torch.rand(2, p.batch_size, 3, size, size) * 2 - 1

    def step():
        fake = generator(x)
        real_logits = discriminator(torch.cat([x, y], 1))
        fake_logits = discriminator(torch.cat([x, fake.detach()], 1))
        optimisers[1].zero_grad()
        (0.5 * (functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean())).backward()
        optimisers[1].step()
        discriminator.requires_grad_(False)
        loss = (
            p.lambda_l1 * (y - fake).abs().mean() + functional.softplus(-discriminator(torch.cat([x, fake], 1))).mean()
        )
        optimisers[0].zero_grad()
        loss.backward()
        optimisers[0].step()
        discriminator.requires_grad_(True)

    return step


# --- VQ-VAE --------------------------------------------------------------------------------------------------------


class Residual(nn.Module):
    """x + 1×1(ReLU(3×3(ReLU(x)))), as in the paper."""

    def __init__(self, channels: int):
        super().__init__()
        self.block = nn.Sequential(
            nn.ReLU(), nn.Conv2d(channels, channels, 3, 1, 1), nn.ReLU(), nn.Conv2d(channels, channels, 1)
        )

    def forward(self, x):
        """The same shape."""
        return x + self.block(x)


def vq_vae(p, size: int):
    """One step of the paper's quantiser (equation 3)."""
    c, d = p.channels, p.embedding_dim
    encoder = nn.Sequential(
        nn.Conv2d(3, c, 4, 2, 1), nn.ReLU(), nn.Conv2d(c, c, 4, 2, 1), nn.ReLU(),
        *(Residual(c) for _ in range(p.residual_blocks)), nn.ReLU(), nn.Conv2d(c, d, 1),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Conv2d(d, c, 3, 1, 1), *(Residual(c) for _ in range(p.residual_blocks)), nn.ReLU(),
        nn.ConvTranspose2d(c, c, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(c, 3, 4, 2, 1), nn.Sigmoid(),
    )  # fmt: skip
    codebook = nn.Parameter(torch.randn(p.codebook_size, d))
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters(), codebook], p.learning_rate)
    x = torch.rand(p.batch_size, 3, size, size)

    def step():
        z = encoder(x).permute(0, 2, 3, 1)
        flat = z.reshape(-1, d)
        distance = flat.square().sum(1, keepdim=True) - 2 * flat @ codebook.T + codebook.square().sum(1)
        e = codebook[distance.argmin(1)].reshape(z.shape)
        through = (z + (e - z).detach()).permute(0, 3, 1, 2)
        loss = (decoder(through) - x).square().mean() / x.var()
        loss = loss + (z.detach() - e).square().mean() + p.commitment_cost * (z - e.detach()).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


STEP = {"pix2pix": pix2pix, "vq_vae": vq_vae}


if __name__ == "__main__":
    command.run(main)
