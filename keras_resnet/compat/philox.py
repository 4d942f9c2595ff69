"""Philox 4x32-10 in NumPy: the generator behind TensorFlow's random numbers, bit for bit.

Reference: Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3. SC 2011, doi:10.1145/2063384.2063405,
section 3.4. How TensorFlow turns seeds into keys and counters: tensorflow/core/lib/random/philox_random.h and
tensorflow/core/kernels/stateless_random_ops.cc.
"""

import numpy as np

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)  # what the two halves of the key grow by after each round
_ROUNDS = 10
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)
_AT_ONCE = 2**13  # groups of four numbers: what stays in a processor's cache
_SCRAMBLE = (0x3EC8F720, 0x02461E29)  # the key under which TensorFlow's stateless operations scramble a seed


def philox(counters, key):
    """The ten rounds.

    Args:
        counters: integers `(n, 4)`, each 0 to 2**32 - 1.
        key: two ints of the same range.

    Returns:
        uint32 `(n, 4)`.
    """
    a, b, c, d = np.asarray(counters, dtype="uint64").T
    for round_ in range(_ROUNDS):
        k0, k1 = (np.uint64((int(part) + round_ * step) % 2**32) for part, step in zip(key, _WEYL, strict=True))
        first, second = a * np.uint64(_MULTIPLIERS[0]), c * np.uint64(_MULTIPLIERS[1])
        a, b, c, d = second >> _32 ^ b ^ k0, second & _LOW, first >> _32 ^ d ^ k1, first & _LOW
    return np.stack([a, b, c, d], axis=1).astype("uint32")


def uniform(count, key, high=(0, 0), start=0):
    """Numbers of TensorFlow's uniform distribution.

    Args:
        count: how many.
        key: two ints.
        high: the upper half of the 128-bit counter, two ints.
        start: its lower half: how many groups of four numbers were drawn before.

    Returns:
        float32 `(count,)`, at least 0 and below 1, multiples of 2**-23.
    """
    numbers, total = np.empty(count, dtype="float32"), -(-count // 4)
    for first in range(0, total, _AT_ONCE):
        groups = start + np.arange(first, min(first + _AT_ONCE, total), dtype="uint64")
        counters = np.stack(
            [groups & _LOW, groups >> _32, np.full_like(groups, high[0]), np.full_like(groups, high[1])], axis=1
        )
        bits = philox(counters, key).reshape(-1) & np.uint32(2**23 - 1)  # the fraction of a float32 between 1 and 2
        part = numbers[4 * first : 4 * (first + _AT_ONCE)]
        part[:] = bits[: len(part)] * np.float32(2**-23)
    return numbers


def seeded(seed, seed2):
    """Key and upper counter of a generator that TensorFlow seeds with two int64 (`GuardedPhiloxRandom`)."""
    return _halves(seed), _halves(seed2)


def stateless(seed):
    """Key and upper counter of `tf.random.stateless_uniform` for its pair of seeds (`GenerateKey`)."""
    mixed = philox([[*_halves(seed[0]), *_halves(seed[1])]], _SCRAMBLE)[0]
    return tuple(map(int, mixed[:2])), tuple(map(int, mixed[2:]))


def _halves(value):
    return value % 2**32, (value >> 32) % 2**32
