"""What a trainer says of itself, from which everything around it learns."""


class TrainerInterface:
    """Networks by name, an optimizer for each player, and ways to translate.

    Whatever trains, resumes, watches, translates, exports or scores a trainer asks
    here what there is.
    """

    network_names: tuple[str, ...] = ()
    instead = "read it with keras.models.load_model"
    """What one can do with a trainer that translates no images."""
    other_entries: tuple[str, ...] = ()
    """Names of the entries of a batch that are not the images of `ways`."""

    @property
    def networks(self):
        """The networks that there are, by name."""
        found = {name: getattr(self, name) for name in self.network_names}
        return {name: network for name, network in found.items() if network is not None}

    @property
    def players(self):
        """Names of the networks that each player's optimizer updates.

        The optimizer of the player `"generator"` is `generator_optimizer`.
        """
        raise NotImplementedError

    @property
    def ways(self):
        """The `tfi2i.ways.Way`s in which images are translated; () where none are."""
        raise NotImplementedError

    @property
    def first_way(self):
        """The way in which the trainer itself translates.

        Raises:
            ValueError: it translates no images.
        """
        if not self.ways:
            raise ValueError(
                f"{type(self).__name__} translates no images: {self.instead}."
            )
        return self.ways[0]

    def translator(self, way):
        """The functional `keras.Model` that translates one of `ways`.

        Its first input is an image. Further inputs are called as the way's `defaults`.
        """
        raise NotImplementedError

    def paint(self, batch):
        """Paints at inference.

        Args:
            batch: as `unpack` returns it.

        Returns:
            Dictionary of images, float `(batch, height, width, channels)` in [-1, 1],
            in the order in which people look at them; those of `batch` are called
            `real_a` and `real_b`, the output of each way as its `output` says.
        """
        raise NotImplementedError

    def decisions(self, images):
        """How often each discriminator is right.

        Args:
            images: what `paint` returned.

        Returns:
            Dictionary from a discriminator's name to the share of its scores, on real
            and painted images, that are on the right side of the loss's boundary; {}
            where the loss has none.
        """
        return {}

    @property
    def roles(self):
        """What networks are called in a trainer of both ways, by their names here.

        Weights go from one trainer to another by these names (`--init-from`).
        """
        return {name: name for name in self.network_names}

    @property
    def pools(self):
        """The pools of generated images, whose content belongs to the state."""
        return []

    @property
    def distances(self):
        """Weights of the losses that compare images, by name; {} where none do.

        Keras' callbacks know of these that they should fall.
        """
        return {}

    def networks_of(self, player):
        """The networks that a player updates."""
        return [getattr(self, name) for name in self.players[player]]

    @property
    def translating_networks(self):
        """Names of the networks whose weights a translator has."""
        translators = [self.translator(way) for way in self.ways]
        used = {id(weight) for model in translators for weight in model.weights}
        return {
            name
            for name, network in self.networks.items()
            if any(id(weight) in used for weight in network.weights)
        }

    @property
    def translating_players(self):
        """Whether each player updates what translates, by its name."""
        translating = self.translating_networks
        return {
            name: not translating.isdisjoint(of) for name, of in self.players.items()
        }

    @property
    def optimizer_names(self):
        """Names of the optimizers, one for each of `players`."""
        return tuple(f"{player}_optimizer" for player in self.players)

    @property
    def optimizers(self):
        """The optimizers by their names, once there are some."""
        return {name: getattr(self, name) for name in self.optimizer_names}
