# The service as an image; see docker-compose.yml.
FROM python:3.13-slim
WORKDIR /srv/ocop
COPY requirements.txt pyproject.toml README.md ./
RUN pip install --no-cache-dir -r requirements.txt
COPY domain domain
COPY application application
COPY projections projections
COPY api api
RUN pip install --no-cache-dir --no-deps . && useradd --system --create-home ocop && install -d -o ocop /var/lib/ocop
USER ocop
ENV OCOP_HOST=0.0.0.0 OCOP_VAR=/var/lib/ocop OCOP_LOG=json
EXPOSE 8000
CMD ["ocop", "serve"]
