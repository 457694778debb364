"""Books of decisions (sổ quyết định): an authority's numbers of one year, without gap or double."""
