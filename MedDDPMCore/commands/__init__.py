"""The commands of `medddpm`, by what they are about; each imports what it needs when it runs: --help is instant."""
