declare global {
    interface HTMLElementTagNameMap {
        'plexus-blocks': PlexusBlocks;
        'plexus-graph': PlexusGraph;
        'plexus-miner': PlexusMiner;
    }
}
