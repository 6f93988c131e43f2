// Shows openapi.json with Swagger UI, in a layout with one main landmark and headings in order.
(() => {
  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
  dark.addEventListener('change', follow);
  follow();

  const accessible = ({ React: { createElement: element } }) => ({
    components: {
      PageLayout: ({ getComponent, specSelectors, errSelectors }) => {
        const part = (name) => element(getComponent(name, true));
        const failed = errSelectors.allErrors().size > 0;
        const loading = ['loading', 'failed'].includes(specSelectors.loadingStatus());
        return element(
          'main',
          { id: 'main', className: 'swagger-ui' },
          element(getComponent('SvgAssets')),
          failed && element(getComponent('errors', true)),
          loading
            ? element(
                'p',
                null,
                specSelectors.loadingStatus() === 'failed' ? 'openapi.json could not be read.' : 'Loading…',
              )
            : element(
                'div',
                null,
                part('InfoContainer'),
                element('h2', null, 'Routes'),
                specSelectors.securityDefinitions() && part('AuthorizeBtnContainer'),
                part('operations'),
              ),
        );
      },
      // no link inside the button that expands an operation
      DeepLink: ({ text }) => element('span', null, text),
    },
  });

  // names, levels and keyboard access for what Swagger UI leaves without
  const page = document.getElementById('http');
  const attributes = [
    ['select', 'aria-label', ({ className }) => (className.includes('content-type') ? 'Media type' : 'Choice')],
    ['textarea', 'aria-label', () => 'Request body'],
    ['[role=region]', 'aria-label', ({ id }) => id.replaceAll('_', ' ')],
    ['.close-modal', 'aria-label', () => 'Close'],
    ['.auth-container h6', 'aria-level', () => '5'],
    ['pre', 'tabindex', () => '0'],
  ];
  const complete = () => {
    for (const [selector, name, valueOf] of attributes) {
      for (const node of page.querySelectorAll(`${selector}:not([${name}])`)) node.setAttribute(name, valueOf(node));
    }
    // their texts are their names
    for (const node of page.querySelectorAll('.auth-btn-wrapper [aria-label]')) node.removeAttribute('aria-label');
  };
  new MutationObserver(complete).observe(page, { childList: true, subtree: true });

  window.SwaggerUIBundle({
    url: new URL('../openapi.json', document.baseURI).href,
    domNode: page,
    layout: 'PageLayout',
    plugins: [accessible],
    deepLinking: true,
    defaultModelsExpandDepth: -1,
    syntaxHighlight: { activated: false },
    validatorUrl: null,
  });
})();
